import express, { type ErrorRequestHandler, type Express, type Response } from 'express';
import { type LockClient, LockTimeoutError } from '../../src/index.ts';

/** Longer than a payment takes; the lease is refreshed while it lasts. */
const TTL = 10_000;
/** So long a request waits for those before it. */
const PATIENCE = 2_000;

/** What takes the money, in the service that this is an example of. */
export type Charge = (order: string, options: { signal: AbortSignal }) => Promise<void>;

/** A service that charges each order once, however often and wherever it is asked to. */
export function paymentApp(locks: LockClient, paid: Set<string>, charge: Charge): Express {
  const app = express();
  app.post('/orders/:order/payment', async ({ params: { order } }, response) => {
    const creator = locks.creator(order, { group: 'payment' });
    await creator.using(
      TTL,
      PATIENCE,
      async (lock) => {
        if (paid.has(order)) return response.status(200).json({ order, status: 'was paid before' });
        await charge(order, { signal: lock.signal });
        lock.assertHeld();
        paid.add(order);
        return response.status(201).json({ order, status: 'paid' });
      },
      { signal: gone(response) },
    );
  });
  app.use(busy);
  return app;
}

/** Aborts when the customer has hung up: nobody waits in line for an answer that nobody reads. */
function gone(response: Response): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => controller.abort(new Error('the customer has gone')));
  return controller.signal;
}

/** A lock that was not to be had in time is no fault of the server's. */
const busy: ErrorRequestHandler = (error, _request, response, next) => {
  if (response.destroyed) return;
  if (!(error instanceof LockTimeoutError)) return next(error);
  response.set('Retry-After', '1').status(503).json({ status: 'somebody else is at it' });
};
