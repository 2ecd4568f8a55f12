export { backendFromUrl, type UrlBackendOptions } from './backend-from-url.ts';
export { LockClient, type ReadWriteLock } from './client.ts';
export type { GroupOptions, WaitOptions } from './core/arguments.ts';
export type { AutoRefreshOptions } from './core/auto-refresh.ts';
export type {
  Canceller,
  Grant,
  Holder,
  LeaseRequest,
  LockBackend,
  LockState,
  Observation,
} from './core/backend.ts';
export type { Alarm, Clock } from './core/clock.ts';
export type { CounterStep, CounterStore, CounterWait, CounterWaiter } from './core/counter-store.ts';
export type {
  AcquireMessage,
  LeaseCallMessage,
  LeaseMessage,
  LockMessage,
  LostMessage,
  PokeMessage,
  PokeReason,
  RefreshMessage,
  ReleaseMessage,
  ResumeMessage,
  WakeSource,
} from './core/diagnostics.ts';
export type { LockJson } from './core/handover.ts';
export type { ListedHolder, ListedLock, LockListing } from './core/listing.ts';
export type { Lock } from './core/lock.ts';
export {
  type BackendFault,
  CounterExpiredError,
  CounterOverflowError,
  type ErrorDetails,
  LockArgumentError,
  LockBackendError,
  LockCapacityError,
  LockClosedError,
  LockError,
  LockLostError,
  LockTimeoutError,
  LockUnsupportedError,
  type LossReason,
  QuorumError,
  ReplicationError,
  type ServerError,
} from './errors.ts';
export {
  type AcquireOptions,
  type CloseOptions,
  type CreatorOptions,
  LockCreator,
  type TryOptions,
} from './lock-creator.ts';
export { type MemoryBackendOptions, memoryBackend } from './memory/backend.ts';
export type { AcquireAllOptions } from './primitives/acquire-all.ts';
export type { Counter, CounterOptions } from './primitives/counter.ts';
export type { CampaignOptions, Election } from './primitives/election.ts';
export type { Leader } from './primitives/leaders.ts';
export type { Leadership } from './primitives/leadership.ts';
export type { MultiLock } from './primitives/multi-lock.ts';
export type { RedisBackendOptions, ReplicaOptions } from './redis/options.ts';
export { redisBackend, redlockBackend } from './redis-backends.ts';
export type { RedlockBackendOptions } from './redlock/options.ts';
export type { LockSource } from './source.ts';
