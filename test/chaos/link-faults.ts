import { setTimeout as pause } from 'node:timers/promises';
import type { FaultProxy } from '../support/proxy.ts';
import type { Chance } from './chance.ts';
import { type Fault, span } from './fault.ts';

/** The proxies between clients and servers: for each client one to each server, or to each port of one. */
export type Links = readonly (readonly FaultProxy[])[];

/** What befalls the network. `resp`: replies can be told apart, so that one can be lost. */
export function linkFaults(links: Links, { resp }: { resp: boolean }): Fault[] {
  const lasting = (
    kind: string,
    begin: (link: FaultProxy) => void,
    end: (link: FaultProxy) => void,
  ): Fault => ({
    kind,
    async inflict(chance) {
      const hit = some(links, chance);
      for (const link of hit) begin(link);
      await pause(span(chance));
      for (const link of hit) end(link);
    },
  });
  const faults = [
    lasting(
      'links are slow',
      (link) => link.delay(20),
      (link) => link.delay(0),
    ),
    lasting(
      'links are half-open',
      (link) => link.stall(),
      (link) => link.flow(),
    ),
    lasting(
      'requests are held back',
      (link) => link.stallRequests(),
      (link) => link.flow(),
    ),
    lasting(
      'replies are held back',
      (link) => link.stallReplies(),
      (link) => link.flow(),
    ),
    lasting('links are cut', (link) => link.cut(), nothing),
    lasting(
      'no connection is let in',
      (link) => {
        link.refuse();
        link.cut();
      },
      (link) => link.accept(),
    ),
  ];
  return resp ? [...faults, lostReply(links)] : faults;
}

function lostReply(links: Links): Fault {
  return {
    kind: 'a reply is lost with its connection',
    async inflict(chance) {
      const [link] = chance.of(links);
      const patience = new AbortController();
      const lost = link?.swallowNextReply({ afterRequestContaining: 'evalsha' });
      await Promise.race([lost, pause(2_000, undefined, { signal: patience.signal }).catch(nothing)]);
      patience.abort();
    },
  };
}

/** The links of one client, those to one server, or all. */
function some(links: Links, chance: Chance): readonly FaultProxy[] {
  const client = chance.of(links);
  const server = chance.between(0, client.length - 1);
  return chance.of([client, links.flatMap((each) => each[server] ?? []), [chance.of(client)], links.flat()]);
}

function nothing(): void {}
