import { EventEmitter } from 'node:events';
import type { Etcd3 } from 'etcd3';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { KeepAlives } from '../../src/etcd/keep-alives.ts';
import { EtcdLink } from '../../src/etcd/link.ts';
import { Members } from '../../src/etcd/members.ts';

/** A member that can fall silent; it knows every lease. */
class Member {
  silent = false;
  asked = 0;
  readonly leaseClient = { leaseKeepAlive: async () => this.#stream() };

  #stream() {
    const stream = new EventEmitter();
    const write = ({ ID }: { ID: string }) => {
      this.asked += 1;
      if (!this.silent) setImmediate(() => stream.emit('data', { ID, TTL: '10' }));
      return true;
    };
    return Object.assign(stream, { write, end: () => {}, cancel: () => {} });
  }
}

it('renewals on etcd go where the commands go, and their failure is not put down to another member', async () => {
  const hosts = ['http://one', 'http://two'];
  const members = Members.at(Member as unknown as typeof Etcd3, { hosts, auth: undefined }, {});
  const link = new EtcdLink(members, systemClock, 600);
  const keepAlives = new KeepAlives(link);
  const renew = () => link.run((_client, _options, patienceMs) => keepAlives.renew('7', patienceMs));
  const first = members.current as unknown as Member;
  expect(await renew()).toBe(true);
  // As a command finds out.
  first.silent = true;
  members.failed(members.current);
  const second = members.current as unknown as Member;
  expect(second).not.toBe(first);
  expect(await renew()).toBe(true);
  expect(members.current).toBe(second);
  expect([first.asked, second.asked]).toEqual([1, 1]);
  keepAlives.close();
});
