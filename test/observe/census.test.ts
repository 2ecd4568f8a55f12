import { expect, it } from 'vitest';
import { Census } from '../../src/observe/census.ts';

const ATTRIBUTES = { 'batonlock.engine': 'redis' };

it('a census counts a lease until it finds that its time is over', () => {
  const census = new Census();
  const [lasting, ending] = [{ remaining: 1 }, { remaining: 1 }];
  census.holds(lasting, ATTRIBUTES);
  census.holds(ending, { ...ATTRIBUTES });
  expect([...census.take()]).toEqual([{ attributes: ATTRIBUTES, held: 2, waiting: 0 }]);
  ending.remaining = 0;
  expect([...census.take()]).toMatchObject([{ held: 1 }]);
  lasting.remaining = 0;
  expect([...census.take()]).toMatchObject([{ held: 0 }]);
});

it('a census counts apart what has other attributes', () => {
  const census = new Census();
  census.holds({ remaining: 1 }, ATTRIBUTES);
  census.holds({ remaining: 1 }, { 'batonlock.label': 'orders' });
  expect([...census.take()].map(({ held }) => held)).toEqual([1, 1]);
});
