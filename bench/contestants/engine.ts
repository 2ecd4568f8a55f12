import { backendFromUrl, LockClient } from '../../src/index.ts';
import type { Connect } from './contestant.ts';

/** Ours on whatever engine the URL names. */
export const connect: Connect = async (url) => {
  const client = new LockClient(await backendFromUrl(url));
  return {
    acquire: (name, ttlMs, waitMs) => client.creator(name).acquire(ttlMs, waitMs),
    hold: async (name, ttlMs) => (await client.creator(name).acquire(ttlMs)).autoRefresh(),
    settle: async (name) => void (await client.creator(name).inspect()),
    close: () => client.close(),
  };
};
