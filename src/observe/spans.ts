import { type Attributes, type Span, SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import type {
  AcquireMessage,
  LeaseMessage,
  RefreshMessage,
  ReleaseMessage,
  ResumeMessage,
} from '../core/diagnostics.ts';
import { LockError } from '../errors.ts';
import type { Listeners, Operation } from './listeners.ts';

/** With these the caller did not get what it was promised; the others are what it asked for, or answers. */
const ERRORS: readonly unknown[] = ['timeout', 'lost', 'failed'];

type Message = AcquireMessage | ReleaseMessage | RefreshMessage | ResumeMessage;

/** One span for each acquire, release, refresh and resumption, below the span in which it was called. */
export function traceWith(tracer: Tracer, listeners: Listeners): void {
  // What is under way when the listeners are stopped goes unreported, and its span with its message.
  const spans = new WeakMap<Message, Span>();
  const follow = (operation: Operation): void => {
    listeners.onStart(operation, (message: Message) => {
      const options = { kind: SpanKind.CLIENT, attributes: before(message) };
      // Below the active span, since none else is named.
      spans.set(message, tracer.startSpan(`batonlock.${operation}`, options));
    });
    listeners.onEnd(operation, (message: Message) => {
      const span = spans.get(message);
      if (!span) return;
      span.setAttributes(after(message));
      if (ERRORS.includes(message.outcome)) note(message.error, span);
      span.end();
    });
  };
  for (const operation of ['acquire', 'release', 'refresh', 'resume'] as const) follow(operation);
}

function note(error: unknown, span: Span): void {
  const known = error instanceof Error ? error : undefined;
  span.setAttribute('error.type', error instanceof LockError ? error.code : (known?.name ?? '_OTHER'));
  span.setStatus({ code: SpanStatusCode.ERROR, ...(known && { message: known.message }) });
}

/** What is known when it is called. */
function before(message: Message): Attributes {
  const { name, engine, units } = message;
  const attributes: Attributes = {
    'batonlock.name': name,
    'batonlock.engine': engine,
    'batonlock.units': units,
  };
  if ('ttl' in message) attributes['batonlock.ttl_ms'] = message.ttl;
  if ('owner' in message) Object.assign(attributes, lease(message));
  if ('held' in message && message.held !== undefined) attributes['batonlock.held_ms'] = message.held;
  if (!('waitTimeout' in message)) return attributes;
  attributes['batonlock.capacity'] = message.capacity;
  // An attribute cannot be infinite.
  if (Number.isFinite(message.waitTimeout)) attributes['batonlock.wait_timeout_ms'] = message.waitTimeout;
  return attributes;
}

/** What its end adds. */
function after(message: Message): Attributes {
  const attributes: Attributes = { 'batonlock.outcome': message.outcome ?? 'failed' };
  if (!('wake' in message)) return attributes;
  const { waited, wake, result } = message;
  if (waited !== undefined) attributes['batonlock.wait_ms'] = waited;
  if (wake) attributes['batonlock.wake'] = wake;
  if (result) Object.assign(attributes, lease(result));
  return attributes;
}

function lease({ owner, fencingToken }: Pick<LeaseMessage, 'owner' | 'fencingToken'>): Attributes {
  return { 'batonlock.owner': owner, 'batonlock.fencing_token': fencingToken };
}
