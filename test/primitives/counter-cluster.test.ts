import { Cluster, Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { LockClient, redisBackend } from '../../src/index.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { until } from '../support/wait.ts';

const KEY = 'baton:{batch}:counter';

it.each(['moves to another master', 'loses its master'])(
  'a counter whose slot %s counts on exactly, and who waits is told',
  async (what) => {
    await using cluster = await startRedisCluster();
    // So that nothing but a message, or a look after a subscription was lost, releases who waits.
    const safetyNet = 600_000;
    const connections = [1, 2].map(() => new Cluster(cluster.nodes));
    const clients = connections.map(
      (connection) => new LockClient(redisBackend(connection, { commandTimeout: 30_000, safetyNet })),
    );
    const [one, other] = clients.map((client) => client.counter('batch', { ttl: 60_000 }));
    await one!.set(100_000);
    const waits = [one!, other!].map((counter) => counter.wait(60_000));
    let done = 0;
    let enough = false;
    const consume = async (counter: typeof one) => {
      for (; !enough; done++) await counter!.decrement();
    };
    const consumers = [one, other, one, other].map(consume);
    const some = (count: number) => until(() => done > count, { what: 'some to be done', timeout: 30_000 });
    await some(100);
    const master = await cluster.masterOf(KEY);
    const [to] = cluster.servers.slice(0, 3).filter((server) => server !== master);
    if (what.startsWith('moves')) await cluster.move(KEY, to!);
    else {
      // What the replica has not been told of would be lost: so nothing is under way.
      enough = true;
      await Promise.all(consumers.splice(0));
      const node = new Redis(master.port, master.host);
      await node.set('{batch}', 'the replica has this, and so all before it');
      expect(await node.wait(1, 10_000)).toBe(1);
      node.disconnect();
      await master.kill();
      await until(async () => (await cluster.masterOf(KEY)) !== master, {
        what: 'another master',
        timeout: 30_000,
      });
      enough = false;
      consumers.push(...[one, other].map(consume));
    }
    await some(done + 100);
    enough = true;
    await Promise.all(consumers);
    expect(await other!.get()).toBe(100_000 - done);
    expect(await one!.decrement(100_000 - done - 1)).toBe(1);
    expect(await other!.decrement()).toBe(0);
    await Promise.all(waits);
    for (const client of clients) await client.close();
    for (const connection of connections) connection.disconnect();
  },
  90_000,
);
