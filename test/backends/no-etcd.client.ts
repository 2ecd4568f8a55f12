// A process in which the package etcd3 is not installed: tells what becomes of a URL that needs it.
import { register } from 'node:module';

const hook = `export async function resolve(name, context, next) {
  if (name !== 'etcd3') return next(name, context);
  throw Object.assign(new Error("Cannot find package 'etcd3'"), { code: 'ERR_MODULE_NOT_FOUND' });
}`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
const { backendFromUrl } = await import('../../src/index.ts');
const error = await backendFromUrl('etcd://user:secret@localhost').catch((reason: unknown) => reason);
process.send?.({ type: 'answer', text: String(error) }, () => process.disconnect());
