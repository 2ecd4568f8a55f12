import { expect, it } from 'vitest';
import { spawnClient } from './client-process.ts';

type Received =
  | { type: 'ready'; args: string[]; colour?: string }
  | { type: 'echo'; text: string }
  | { type: 'noise' };
type Sent = { type: 'say'; text: string } | { type: 'die' };

const FIXTURE = new URL('./client-process.fixture.ts', import.meta.url);
const spawnFixture = (env = {}) => spawnClient<Received, Sent>(FIXTURE, { args: ['one', 'two'], env });

it('runs a TypeScript file and talks to it', async () => {
  await using client = spawnFixture({ COLOUR: 'red' });
  expect(await client.next('ready')).toMatchObject({ args: ['one', 'two'], colour: 'red' });
  client.send({ type: 'say', text: 'hello' });
  expect((await client.next('echo')).text).toBe('hello');
  await client.next('noise'); // It came before the echo and was kept.
});

it('tells why a client died to whoever waits for it', async () => {
  await using client = spawnFixture();
  await client.next('ready');
  client.send({ type: 'die' });
  await expect(client.next('echo')).rejects.toThrow(/status 1.*dying as told/s);
  await expect(client.next('echo')).rejects.toThrow(/dying as told/);
});

it('kills a client, even a stopped one', async () => {
  const client = spawnFixture();
  await client.next('ready');
  client.kill('SIGSTOP');
  expect(await client.stop()).toEqual({ code: null, signal: 'SIGKILL' });
});
