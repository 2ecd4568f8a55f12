// Waits in line with many acquires until it is killed.
import { LockClient } from '../../src/index.ts';

const [url = '', name = '', count = '1'] = process.argv.slice(2);
const creator = new LockClient(url).creator(name);
for (let i = 0; i < Number(count); i++) void creator.acquire(60_000);
