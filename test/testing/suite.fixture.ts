import { randomUUID } from 'node:crypto';
import * as runner from 'node:test';
import { memoryBackend } from '../../src/index.ts';
import { lockConformance } from '../../src/testing/kit.ts';

// What somebody writes who has a backend of their own. Alone in its space, each client has the lock to itself.
const space = process.env.BROKEN ? undefined : randomUUID();
lockConformance(
  { title: 'memory', connect: () => memoryBackend(space === undefined ? {} : { space }) },
  runner,
);
