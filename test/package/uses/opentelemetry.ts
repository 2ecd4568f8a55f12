import { ok } from 'node:assert/strict';
import { type TracerProvider, trace } from '@opentelemetry/api';
import { LockClient, memoryBackend } from 'batonlock';
import { startTelemetry } from 'batonlock/opentelemetry';

/** A lock is taken while somebody traces. */
export async function use(): Promise<void> {
  let asked = 0;
  const tracerProvider: TracerProvider = {
    getTracer(name, version) {
      asked += 1;
      return trace.getTracer(name, version);
    },
  };
  const stop = startTelemetry({ tracerProvider });
  const client = new LockClient(memoryBackend());
  await client.creator('orders:42').using(30_000, 0, () => {});
  await client.close();
  stop();
  ok(asked > 0);
}
