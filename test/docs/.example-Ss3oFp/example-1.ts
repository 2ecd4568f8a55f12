import type { Lock } from '../../../src/index.ts';

/** What is needed of a connection to the database. */
interface Connection {
  query(text: string, values?: unknown[]): Promise<{ rowCount: number | null; rows: { stock: number }[] }>;
}

export async function sell(connection: Connection, item: number, lock: Lock): Promise<void> {
  await connection.query('BEGIN');
  try {
    const claim = 'UPDATE fences SET fence = $1 WHERE name = $2 AND fence <= $1';
    const { rowCount } = await connection.query(claim, [lock.fencingToken, lock.name]);
    if (rowCount !== 1) throw new Error(`${lock.name} has had a later holder: stop`);
    const { rows } = await connection.query('SELECT stock FROM items WHERE id = $1', [item]);
    const stock = rows[0]?.stock ?? 0;
    if (stock === 0) throw new Error('sold out');
    await connection.query('UPDATE items SET stock = $1 WHERE id = $2', [stock - 1, item]);
    await connection.query('COMMIT');
  } catch (error) {
    await connection.query('ROLLBACK');
    throw error;
  }
}
