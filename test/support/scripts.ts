import { acquireScript } from '../../src/redis/scripts/acquire.ts';
import { acquireShareScript } from '../../src/redis/scripts/acquire-share.ts';
import { adoptScript } from '../../src/redis/scripts/adopt.ts';
import { downgradeShareScript, refreshShareScript } from '../../src/redis/scripts/change-share.ts';
import { countScript } from '../../src/redis/scripts/count.ts';
import { inspectScript } from '../../src/redis/scripts/inspect.ts';
import { refreshScript } from '../../src/redis/scripts/refresh.ts';
import { releaseScript } from '../../src/redis/scripts/release.ts';
import { releaseShareScript } from '../../src/redis/scripts/release-share.ts';

const defaults = {
  retentionMs: 3_600_000,
  queueTtlMs: 90_000,
  eventsOfKey: ':events',
  inboxes: { ofAll: 'baton:inbox:' },
};

/** The scripts as a backend with default settings sends them. */
export const scripts = {
  acquire: acquireScript(defaults),
  adopt: adoptScript(defaults),
  release: releaseScript(defaults),
  refresh: refreshScript(defaults),
  inspect: inspectScript(defaults),
  acquireShare: acquireShareScript(defaults),
  releaseShare: releaseShareScript(defaults),
  refreshShare: refreshShareScript(defaults),
  downgradeShare: downgradeShareScript(defaults),
  count: countScript(defaults),
};
