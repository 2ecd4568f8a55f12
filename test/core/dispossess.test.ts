import { expect, it } from 'vitest';
import { dispossess } from '../../src/core/dispossess.ts';

it('looks again as long as who was seen had passed the lock on', async () => {
  const holders = ['a', 'b', 'c'];
  const asked: string[] = [];
  const taken = dispossess('name', {
    look: async () => holders.splice(0, 1),
    take: async (holder) => asked.push(holder) === 3,
    isOver: () => false,
  });
  expect(await taken).toBe(true);
  expect(asked).toEqual(['a', 'b', 'c']);
});

it('takes it from all who hold some, and says so if it was there of any', async () => {
  const take = async (holder: string) => holder === 'b';
  expect(await dispossess('name', { look: async () => ['a', 'b'], take, isOver: () => true })).toBe(true);
  expect(await dispossess('name', { look: async () => [], take, isOver: () => true })).toBe(false);
});

it('says that it cannot be caught up with when its time is over, and not that nobody holds it', async () => {
  const passedOn = dispossess('name', {
    look: async () => ['a'],
    take: async () => false,
    isOver: () => true,
  });
  await expect(passedOn).rejects.toMatchObject({
    code: 'ERR_LOCK_BACKEND',
    retryable: true,
    lockName: 'name',
  });
});
