import type { IEvent, IKeyValue } from 'etcd3';
import pDefer, { type DeferredPromise } from 'p-defer';
import { beforeEach, describe, expect, it } from 'vitest';
import { noAnswer } from '../../src/etcd/errors.ts';
import { FollowedLine, type LineContext } from '../../src/etcd/followed-line.ts';
import { Keys, tagFor } from '../../src/etcd/keys.ts';
import type { Line } from '../../src/etcd/protocol.ts';
import type { WatchRequest } from '../../src/etcd/watches.ts';

const range = new Keys('').line('lock');

function keyOf(revision: number, units: number, mod = revision): IKeyValue {
  const value = tagFor(`other.1.ab:${revision}:30000:3`, 30_000, { units, capacity: 3 });
  const revisions = { create_revision: String(revision), mod_revision: String(mod) };
  return { key: Buffer.from(`lock/${revision}`), value, lease: '7', version: '1', ...revisions };
}

function eventOf(type: IEvent['type'], kv: IKeyValue): IEvent {
  return { type, kv } as IEvent;
}

let told: string[] = [];
const watches: WatchRequest[] = [];
const reads: DeferredPromise<Line>[] = [];
let line: FollowedLine;

/** A candidate whose key was put at this revision. */
function add(createRevision: number): void {
  const tell = (what: string) => () => void told.push(`${createRevision} ${what}`);
  const place = { key: Buffer.from(`lock/${createRevision}`), createRevision };
  const onClash = tell('clash');
  line.add({ place, capacity: 3, onTurn: tell('turn'), onGone: tell('gone'), onClash, onEnd: tell('end') });
}

/** Has etcd answer a look, the last one unless told otherwise. */
async function answer(revision: number, keys: IKeyValue[], look = -1): Promise<void> {
  reads.at(look)?.resolve({ keys, count: keys.length, revision });
  await new Promise((resolve) => setImmediate(resolve));
}

beforeEach(() => {
  told = [];
  watches.length = 0;
  reads.length = 0;
  const persist = async () => {
    const read = pDefer<Line>();
    reads.push(read);
    return { reply: await read.promise, repeated: false };
  };
  const watch = (request: WatchRequest) => {
    watches.push(request);
    return () => {};
  };
  const context = { link: { persist }, watches: { watch }, chores: { add: () => {} } };
  line = new FollowedLine(context as unknown as LineContext, 'lock', range);
});

describe('etcd, a line that is followed', () => {
  it('is told of in the order of what happens, whether the look or the news comes first', async () => {
    add(5);
    watches[0]?.onBegin?.();
    watches[0]?.onEvents([eventOf('Delete', keyOf(3, 3, 11)), eventOf('Put', keyOf(12, 1))]);
    expect(told).toEqual([]);
    // The look was before the second of them.
    await answer(11, [keyOf(5, 2), keyOf(8, 2)]);
    expect(told).toContain('5 turn');
    add(8);
    add(12);
    add(14);
    watches[0]?.onEvents([eventOf('Delete', keyOf(5, 2, 13))]);
    expect(told.filter((text) => !text.startsWith('5 turn'))).toEqual(['8 turn', '12 turn', '5 gone']);
    // One that was put just now is waited for.
    expect(told).not.toContain('14 gone');
  });

  it('does not heed news that a look has overtaken', async () => {
    watches[0]?.onBegin?.();
    await answer(9, [keyOf(3, 2)]);
    watches[0]?.onBegin?.();
    await answer(12, [keyOf(3, 2)]);
    add(13);
    // It had left again when the line was read.
    watches[0]?.onEvents([eventOf('Put', keyOf(10, 1))]);
    watches[0]?.onEvents([eventOf('Put', keyOf(13, 1))]);
    expect(told).toContain('13 turn');
  });

  it('does not heed a look that the news has overtaken', async () => {
    add(5);
    watches[0]?.onBegin?.();
    await answer(9, [keyOf(3, 3), keyOf(5, 3)]);
    watches[0]?.onBegin?.();
    watches[0]?.onEvents([eventOf('Put', keyOf(12, 1)), eventOf('Delete', keyOf(3, 3, 13))]);
    await answer(11, [keyOf(3, 3), keyOf(5, 3)]);
    add(12);
    watches[0]?.onEvents([eventOf('Delete', keyOf(5, 3, 14))]);
    expect(told).toEqual(['5 turn', '12 turn', '5 gone']);
  });

  it('is read anew when etcd has forgotten some of what happened, whatever news comes first', async () => {
    add(5);
    watches[0]?.onBegin?.();
    await answer(9, [keyOf(3, 3), keyOf(5, 3)]);
    watches[0]?.onEnd(undefined);
    watches[1]?.onBegin?.();
    watches[1]?.onEvents([eventOf('Put', keyOf(20, 1))]);
    expect(told).toEqual([]);
    await answer(18, [keyOf(5, 3)]);
    expect(told).toContain('5 turn');
  });

  it('does not heed a look that came before etcd had forgotten some of what happened', async () => {
    add(5);
    watches[0]?.onBegin?.();
    watches[0]?.onEnd(undefined);
    watches[1]?.onBegin?.();
    await answer(9, [keyOf(3, 3), keyOf(5, 3)], 0);
    // Between the two looks, the key ahead has left.
    watches[1]?.onEvents([eventOf('Put', keyOf(20, 1))]);
    await answer(15, [keyOf(5, 3)], 1);
    expect(new Set(told)).toEqual(new Set(['5 turn']));
  });

  it('is not ended by the failure of a look that nobody needs any more', async () => {
    add(5);
    watches[0]?.onBegin?.();
    watches[0]?.onEnd(undefined);
    watches[1]?.onBegin?.();
    reads[0]?.reject(noAnswer());
    await answer(15, [keyOf(5, 3)], 1);
    expect(new Set(told)).toEqual(new Set(['5 turn']));
  });
});
