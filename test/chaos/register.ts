import { Redis } from 'ioredis';

const CLAIM = `
if tonumber(redis.call('HGET', KEYS[1], 'fence') or 0) > tonumber(ARGV[1]) then return -1 end
redis.call('HSET', KEYS[1], 'fence', ARGV[1])
return tonumber(redis.call('HGET', KEYS[1], 'value') or 0)`;

const WRITE = `
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'value', ARGV[2])
return 1`;

const FENCED = 'fenced:';
const UNFENCED = 'unfenced:';

/** What a read promises to write: one more than was read. */
export interface Draft {
  readonly fence: number;
  readonly fenced: number;
  readonly unfenced: number;
}

/**
 * For each lock, two numbers that everybody who has it raises by reading and writing them, in a store that meets no faults.
 * One of them is fenced: it is claimed by the fence before it is read, and refuses whoever has been overtaken meanwhile.
 */
export class Registers {
  readonly #redis: Redis;

  constructor(url: string) {
    this.#redis = new Redis(url);
  }

  async read(name: string, fence: number): Promise<Draft> {
    const [fenced, unfenced] = await Promise.all([
      this.#redis.eval(CLAIM, 1, FENCED + name, fence),
      this.#redis.get(UNFENCED + name),
    ]);
    return { fence, fenced: Number(fenced) + 1, unfenced: Number(unfenced) + 1 };
  }

  /** Whether the fenced one took it; the other takes everything. */
  async write(name: string, { fence, fenced, unfenced }: Draft): Promise<boolean> {
    const claimed = fenced > 0;
    const [taken] = await Promise.all([
      claimed ? this.#redis.eval(WRITE, 1, FENCED + name, fence, fenced) : 0,
      this.#redis.set(UNFENCED + name, unfenced),
    ]);
    return Number(taken) === 1;
  }

  async values(names: readonly string[]): Promise<Record<string, { fenced: number; unfenced: number }>> {
    const rows = names.map(async (name) => {
      const fenced = Number(await this.#redis.hget(FENCED + name, 'value'));
      return [name, { fenced, unfenced: Number(await this.#redis.get(UNFENCED + name)) }] as const;
    });
    return Object.fromEntries(await Promise.all(rows));
  }

  close(): void {
    this.#redis.disconnect();
  }
}
