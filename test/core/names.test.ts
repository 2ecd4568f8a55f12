import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LockArgumentError, LockCreator } from '../../src/index.ts';
import { Keys } from '../../src/redis/keys.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { ScriptedBackend } from './scripted-backend.ts';

const BOUNDS = 'well-formed Unicode of 1 to 512 bytes in UTF-8';
const backend = new ScriptedBackend(new ManualClock());

function creator(name: unknown, options?: { group: string }): LockCreator {
  return new LockCreator(name as string, backend, options);
}

/** What the construction throws; the backend must not have heard of it. */
function refusal(construct: () => LockCreator): LockArgumentError {
  try {
    construct();
  } catch (error) {
    expect(error).toBeInstanceOf(LockArgumentError);
    expect(backend.calls).toEqual([]);
    return error as LockArgumentError;
  }
  throw new Error('accepted');
}

/** Names that are likely to collide: made of the characters that mean something in a key. */
const tricky = fc.string({
  unit: fc.constantFrom('{', '}', '%', '7', 'D', '2', '5', '/', ':', '\0', 'a', 'é', 'e\u0301', '😀'),
  minLength: 1,
  maxLength: 12,
});
const name = fc.oneof(tricky, fc.string({ unit: 'binary', minLength: 1, maxLength: 100 }));
const group = name.filter((text) => !text.includes('/'));
const keyPrefix = fc.constantFrom('', 'app:', 'a{b}:');

/** A lone surrogate and a replacement character look the same once they are encoded. */
function encoded(key: string): string {
  return Buffer.from(key).toString('hex');
}

/** The part of a key that decides its slot, as the cluster specification has it. */
function hashTag(key: string): string {
  const start = key.indexOf('{');
  const end = key.indexOf('}', start + 1);
  return start < 0 || end <= start + 1 ? key : key.slice(start + 1, end);
}

describe('row 44: a name', () => {
  it.each([
    'a',
    ' ',
    '\0',
    '{',
    '}',
    '{}',
    '}{',
    '%7D',
    'a/b',
    'ü'.repeat(256),
    'x'.repeat(512),
    '😀'.repeat(128),
    '__proto__',
  ])('may be %j', (text) => {
    expect(creator(text).name).toBe(text);
  });

  it.each([
    ['', 'nothing at all'],
    ['x'.repeat(513), 'more than 512 bytes'],
    ['ü'.repeat(257), 'more than 512 bytes in fewer characters'],
    ['x'.repeat(10_000_000), 'huge'],
    ['\ud800', 'half a character'],
    ['a\udc00b', 'half a character among others'],
    ['\udc00\ud800', 'two halves in the wrong order'],
  ])('must not be %#: $1', (text) => {
    const error = refusal(() => creator(text));
    expect(error).toMatchObject({ argument: 'name', value: text });
    expect(error.message).toContain(`name must be ${BOUNDS}, got `);
  });

  it('must not be anything but a string', () => {
    fc.assert(
      fc.property(
        fc.anything().filter((value) => typeof value !== 'string'),
        (value) => {
          const error = refusal(() => creator(value));
          expect(error.argument).toBe('name');
          expect(Object.is(error.value, value)).toBe(true);
        },
      ),
    );
  });

  it('is accepted exactly when it is well-formed and of 1 to 512 bytes, whatever it holds', () => {
    const unit = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
      fc.constantFrom('\ud800', '\udfff'),
    );
    const texts = fc.oneof(fc.string({ unit, maxLength: 600, size: 'max' }), fc.string({ unit }));
    fc.assert(
      fc.property(texts, (text) => {
        const wellFormed = Buffer.from(text).toString() === text;
        const bytes = Buffer.byteLength(text);
        if (wellFormed && bytes >= 1 && bytes <= 512) expect(creator(text).name).toBe(text);
        else expect(refusal(() => creator(text)).argument).toBe('name');
      }),
    );
  });
});

describe('row 44: a group', () => {
  it('stands before the name, with a slash', () => {
    expect(creator('migrate', { group: 'tenant-7' }).name).toBe('tenant-7/migrate');
    expect(creator('a/b', { group: 'c' }).name).toBe('c/a/b');
  });

  it.each(['', 'a/b', '/', '\ud800', 'x'.repeat(513), 5, null, {}])('must not be %j', (value) => {
    const error = refusal(() => creator('x', { group: value as string }));
    expect(error).toMatchObject({ argument: 'group', value });
    expect(error.message).toContain(`group must be ${BOUNDS}`);
  });

  it('counts towards the length of the name', () => {
    expect(creator('x'.repeat(256), { group: 'y'.repeat(255) }).name).toHaveLength(512);
    const error = refusal(() => creator('x'.repeat(256), { group: 'y'.repeat(256) }));
    expect(error.argument).toBe('group/name');
  });

  it('does not spare the name its own check', () => {
    expect(refusal(() => creator('', { group: 'tenant-7' })).argument).toBe('name');
  });

  it('keeps the locks of different groups apart', () => {
    fc.assert(
      fc.property(group, name, group, name, (groupA, nameA, groupB, nameB) => {
        const same = groupA === groupB && nameA === nameB;
        const a = creator(nameA, { group: groupA });
        const b = creator(nameB, { group: groupB });
        expect(a.name === b.name).toBe(same);
      }),
    );
  });
});

describe('row 44: the keys of a name', () => {
  it('are no other name’s', () => {
    fc.assert(
      fc.property(keyPrefix, name, name, (prefix, a, b) => {
        const keys = new Keys(prefix, 'baton');
        expect(encoded(keys.record(a)) === encoded(keys.record(b))).toBe(a === b);
        expect(encoded(keys.events(a)) === encoded(keys.events(b))).toBe(a === b);
        // Nor can one name's record be another's queue or channel.
        for (const suffix of [':queue', ':holders', ':events']) {
          expect(keys.record(a)).not.toBe(`${keys.record(b)}${suffix}`);
        }
        expect(keys.events(a).startsWith(keys.inboxes)).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it('lie on one slot of a cluster', () => {
    fc.assert(
      fc.property(name, (text) => {
        const keys = new Keys('', 'baton');
        const record = keys.record(text);
        expect(hashTag(record)).toBe(record.slice('baton:{'.length, -1));
        expect(hashTag(`${record}:queue`)).toBe(hashTag(record));
        expect(hashTag(keys.events(text))).toBe(hashTag(record));
      }),
      { numRuns: 1_000 },
    );
  });

  it('lead back to the name', () => {
    fc.assert(
      fc.property(keyPrefix, name, (prefix, text) => {
        const keys = new Keys(prefix, 'baton');
        expect(keys.nameOf(prefix + keys.record(text))).toBe(text);
        expect(keys.nameOf(`${prefix}${keys.record(text)}:queue`)).toBeUndefined();
        expect(keys.nameOf(`other:${prefix}${keys.record(text)}`)).toBeUndefined();
      }),
      { numRuns: 1_000 },
    );
  });

  it('are complete for channels, and without the prefix that ioredis adds to keys', () => {
    const keys = new Keys('app:', 'baton');
    expect(keys.record('orders:42')).toBe('baton:{orders:42}');
    expect(keys.record('a}b%')).toBe('baton:{a%7Db%25}');
    expect(keys.events('orders:42')).toBe('app:baton:{orders:42}:events');
    expect(keys.inboxes).toBe('app:baton:inbox:');
  });

  it('are not the same channels in two databases of a server', () => {
    const keys = new Keys('app:', 'baton', 3);
    expect(keys.events('orders:42')).toBe('app:baton:{orders:42}:events:3');
    expect(keys.counterEvents('batch')).toBe('app:baton:{batch}:counter:events:3');
  });
});
