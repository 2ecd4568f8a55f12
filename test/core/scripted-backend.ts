import type { Grant, LeaseRequest, LockBackend, LockState, Observation } from '../../src/core/backend.ts';
import { LockBackendError } from '../../src/errors.ts';
import { MemoryBackend } from '../../src/memory/backend.ts';
import type { ManualClock } from '../../src/testing/manual-clock.ts';

type Answers = Partial<
  Pick<LockBackend, 'refresh' | 'release' | 'inspect' | 'watch'> & {
    /** Null refuses; without a promise the memory backend answers. */
    acquire(request: LeaseRequest): Promise<Grant | null> | undefined;
    tryAcquire(request: LeaseRequest): Promise<Grant | null> | undefined;
  }
>;

/** A backend that notes every call, and answers as the test says or else as the memory backend does. */
export class ScriptedBackend implements LockBackend {
  readonly kind = 'scripted';
  readonly supports;
  readonly clock: ManualClock;
  readonly memory: MemoryBackend;
  /** The methods called, in order. */
  readonly calls: string[] = [];
  /** What takes the place of the memory backend's answers. */
  answers: Answers = {};
  /** How many observations are running. */
  observing = 0;
  /** How many locks want to hear of a release by force. */
  listening = 0;

  constructor(clock: ManualClock) {
    this.clock = clock;
    this.memory = new MemoryBackend(clock);
    this.supports = this.memory.supports;
  }

  /** How often `method` was called. */
  count(method: keyof LockBackend): number {
    return this.calls.filter((call) => call === method).length;
  }

  acquire(request: LeaseRequest): void {
    this.calls.push('acquire');
    const answer = this.answers.acquire?.(request);
    if (answer) void pass(answer, request);
    else this.memory.acquire(request);
  }

  tryAcquire(request: LeaseRequest): void {
    this.calls.push('tryAcquire');
    const answer = this.answers.tryAcquire?.(request);
    if (answer) void pass(answer, request);
    else this.memory.tryAcquire(request);
  }

  refresh(grant: Grant, ttlMs: number): Promise<boolean> {
    this.calls.push('refresh');
    return this.answers.refresh?.(grant, ttlMs) ?? this.memory.refresh(grant, ttlMs);
  }

  release(grant: Grant): Promise<boolean> {
    this.calls.push('release');
    return this.answers.release?.(grant) ?? this.memory.release(grant);
  }

  onForced(grant: Grant, listener: () => void): () => void {
    this.calls.push('onForced');
    const unlisten = this.memory.onForced(grant, listener);
    let stopped = false;
    this.listening += 1;
    return () => {
      if (!stopped) this.listening -= 1;
      stopped = true;
      unlisten();
    };
  }

  inspect(name: string): Promise<LockState> {
    this.calls.push('inspect');
    return this.answers.inspect?.(name) ?? this.memory.inspect(name);
  }

  forceRelease(name: string): Promise<boolean> {
    this.calls.push('forceRelease');
    return this.memory.forceRelease(name);
  }

  async watch(...args: Parameters<LockBackend['watch']>): Promise<Observation> {
    this.calls.push('watch');
    const observation = await (this.answers.watch ?? this.memory.watch.bind(this.memory))(...args);
    this.observing += 1;
    return {
      check: () => observation.check(),
      stop: () => {
        this.observing -= 1;
        return observation.stop();
      },
    };
  }

  close(): Promise<void> {
    this.calls.push('close');
    return this.memory.close();
  }
}

/** What a backend answers to a request that is granted or fails, without passing it on. */
export function answerTo(request: LeaseRequest, ask: (request: LeaseRequest) => void): Promise<Grant> {
  const { name, ttlMs, units, capacity, deadline, askedAt } = request;
  return new Promise((granted, failed) => {
    const own = { name, ttlMs, units, capacity, deadline, askedAt, canceller: undefined };
    ask({ ...own, granted, failed, refused: () => failed(new Error('refused')) });
  });
}

async function pass(answer: Promise<Grant | null>, request: LeaseRequest): Promise<void> {
  try {
    const grant = await answer;
    if (grant) request.granted(grant);
    else request.refused();
  } catch (error) {
    request.failed(error);
  }
}

/** What a backend rejects with when the server cannot be reached. */
export function unavailable(): LockBackendError {
  return new LockBackendError('the server is away', { reason: 'unavailable', retryable: true });
}

/** An answer that never comes. */
export function never<T>(): Promise<T> {
  return new Promise(() => {});
}
