import { Redis, type RedisOptions } from 'ioredis';

/**
 * A connection by Sentinels that only its user ends. ioredis ends one for good that is told to leave a replaced master while it
 * is on its way to another: by its failover detector, which still listens then.
 */
export class SentinelRedis extends Redis {
  #unwanted = false;

  constructor(options: Omit<RedisOptions, 'replyMapping'>) {
    super(options);
    // Before any other listener: to those it has not ended.
    this.on('end', () => {
      if (!this.#unwanted) this.connect().catch(() => {});
    });
  }

  override disconnect(reconnect = false): void {
    if (!reconnect) this.#unwanted = true;
    super.disconnect(reconnect);
  }
}
