// Run it with: node --import tsx --test examples/testing-your-code/billing.test.ts
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { LockBackendError, LockLostError } from '../../src/index.ts';
import { type TestKit, testKit } from '../../src/testing/kit.ts';
import { Billing, type Ledger } from './billing.ts';

let kit: TestKit;
let booked: string[];
/** Every booking takes 4 seconds, by the clock of the kit. */
let ledger: Ledger;

beforeEach(() => {
  kit = testKit();
  booked = [];
  ledger = {
    async book(_order, item) {
      await kit.clock.sleep(4_000);
      booked.push(item);
    },
  };
});
afterEach(() => kit.close());

describe('billing', () => {
  it('is done by one process at a time', async () => {
    const here = new Billing(kit.client(), ledger).bill('order-42', ['book']);
    const there = new Billing(kit.client(), ledger).bill('order-42', ['pen']);
    await kit.clock.advance(2_000);
    // The first is at work; the second has waited for 2 seconds.
    assert.equal(await there, 'busy');
    await kit.clock.advance(2_000);
    assert.equal(await here, 'billed');
    assert.deepEqual(booked, ['book']);
  });

  it('says that it is busy when somebody else has the order', async () => {
    const occupant = await kit.occupy('billing/order-42');
    const billing = new Billing(kit.client(), ledger);
    const first = billing.bill('order-42', ['book']);
    await kit.clock.advance(2_000);
    assert.equal(await first, 'busy');
    await occupant.release();
    const second = billing.bill('order-42', ['book']);
    await kit.clock.advance(4_000);
    assert.equal(await second, 'billed');
  });

  it('stops when the lock is lost', async () => {
    const billing = new Billing(kit.client(), ledger).bill('order-42', ['book', 'pen', 'ink']);
    // Whoever expects a rejection says so before the time passes in which it comes.
    const lost = assert.rejects(billing, LockLostError);
    await kit.clock.advance(5_000);
    await kit.lose('billing/order-42', 'forced');
    await kit.clock.advance(60_000);
    await lost;
    assert.deepEqual(booked, ['book', 'pen']);
  });

  it('outlives a short outage of the lock server', async () => {
    const items = Array.from({ length: 10 }, (_, index) => `item ${index}`);
    const billing = new Billing(kit.client(), ledger).bill('order-42', items);
    await kit.clock.advance(3_000);
    const restore = kit.fail('unavailable', { on: 'refresh' });
    await kit.clock.advance(5_000);
    restore();
    await kit.clock.advance(40_000);
    assert.equal(await billing, 'billed');
    assert.deepEqual(booked, items);
  });

  it('does not go on without the lock server for longer than the lease', async () => {
    const billing = new Billing(kit.client(), ledger).bill('order-42', ['book', 'pen', 'ink', 'paper']);
    const lost = assert.rejects(billing, { code: 'ERR_LOCK_LOST', reason: 'expired' });
    await kit.clock.advance(1_000);
    kit.fail('unavailable');
    await kit.clock.advance(60_000);
    await lost;
    assert.deepEqual(booked, ['book', 'pen', 'ink']);
  });

  it('bills nothing while the lock server cannot be asked', async () => {
    kit.fail('unavailable', { times: 1 });
    const billing = new Billing(kit.client(), ledger);
    await assert.rejects(billing.bill('order-42', ['book']), LockBackendError);
    assert.deepEqual(booked, []);
  });

  it('bills nothing when the lock server answers too late', async () => {
    kit.delay(3_000, { on: 'acquire' });
    const billing = new Billing(kit.client(), ledger).bill('order-42', ['book']);
    await kit.clock.advance(10_000);
    assert.equal(await billing, 'busy');
    assert.deepEqual(booked, []);
  });
});
