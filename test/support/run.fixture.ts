// The client side of run.test.ts: starts a server, forgets about it, and ends as it is told.
import { startRedis } from './redis-server.ts';

process.on('message', () => process.exit());
const { host, port } = await startRedis();
process.send?.({ type: 'started', host, port });
