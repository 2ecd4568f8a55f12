import Database from 'libsql';

/** What a transaction is refused with when its holder has had a successor. */
export class Fenced extends Error {}

/** A shop in a database that several processes have open. Who may sell is said by the lock of the same name as the fence. */
export class Shop implements Disposable {
  readonly #database: Database.Database;

  constructor(file: string) {
    this.#database = new Database(file, { timeout: 5_000 });
    this.#database.exec(`
      CREATE TABLE IF NOT EXISTS fences (name TEXT PRIMARY KEY, fence INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY, stock INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS sales (item INTEGER NOT NULL, customer TEXT NOT NULL);
      INSERT OR IGNORE INTO fences VALUES ('shop', 0);
    `);
  }

  /** Puts so many of an item on the shelf. */
  stock(item: number, count: number): void {
    this.#database.prepare('INSERT OR REPLACE INTO items VALUES (?, ?)').run(item, count);
  }

  /** How many are on the shelf. The fence is claimed before anything is read; without a fence anybody may read. */
  onShelf(item: number, fence?: number): number {
    return this.#transaction(fence, () => {
      const row = this.#database.prepare('SELECT stock FROM items WHERE id = ?').get(item);
      return (row as { stock: number }).stock;
    });
  }

  /** Notes a sale, and what is left. `left` may rest on what was read earlier: nobody has claimed a higher fence since. */
  sell(item: number, customer: string, left: number, fence?: number): void {
    this.#transaction(fence, () => {
      this.#database.prepare('UPDATE items SET stock = ? WHERE id = ?').run(left, item);
      this.#database.prepare('INSERT INTO sales VALUES (?, ?)').run(item, customer);
    });
  }

  /** How many have been sold. */
  sold(item: number): number {
    const row = this.#database.prepare('SELECT count(*) AS sold FROM sales WHERE item = ?').get(item);
    return (row as { sold: number }).sold;
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  /** Each transaction begins with the claim, and does nothing if that fails. */
  #transaction<T>(fence: number | undefined, body: () => T): T {
    const claimed = this.#database.transaction(() => {
      if (fence !== undefined) this.#claim(fence);
      return body();
    });
    // The write lock of the database from the start: else two could claim, and one would have to begin anew.
    return claimed.immediate();
  }

  #claim(fence: number): void {
    const claim = this.#database.prepare('UPDATE fences SET fence = ? WHERE name = ? AND fence <= ?');
    if (claim.run(fence, 'shop', fence).changes !== 1) throw new Fenced('the shop has had a later holder');
  }
}
