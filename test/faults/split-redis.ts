import { Redis, type RedisOptions } from 'ioredis';

interface SplitOptions {
  keyPrefix?: string;
  username?: string;
  password?: string;
  enableOfflineQueue?: boolean;
}

/** A connection whose subscriber goes another way than its commands, so that the two can fail apart. */
export class SplitRedis extends Redis {
  readonly #subscriberPort: number;

  constructor(ports: { commands: number; subscriber: number }, options: SplitOptions = {}) {
    super(ports.commands, '127.0.0.1', options);
    this.#subscriberPort = ports.subscriber;
  }

  override duplicate(override?: Partial<RedisOptions>): Redis {
    return super.duplicate({ ...override, port: this.#subscriberPort });
  }
}
