import type { IKeyValue } from 'etcd3';
import pDefer, { type DeferredPromise } from 'p-defer';
import { Acquisition } from './acquisition.ts';
import { tagOf } from './keys.ts';
import { join, joinIfFree, lookAhead, type Outlook, type Place, readLine } from './protocol.ts';

/** An acquire of a lock with one unit: whoever is first in line holds, and each watches only the one before it. */
export class MutexAcquisition extends Acquisition {
  protected async comeFirst(): Promise<boolean> {
    const outlook = await this.#lineUp(join);
    return outlook !== undefined && this.#advance(outlook);
  }

  protected async slipIn(): Promise<boolean> {
    // A look is cheaper for everybody than a lease that comes to nothing.
    const [first] = (await this.ask(readLine(this.line, 1))).keys;
    if (first && tagOf(first).capacity !== 1) this.clash(tagOf(first).capacity);
    if (first || !this.waiting) return false;
    const outlook = await this.#lineUp(joinIfFree);
    return outlook !== undefined && !outlook.ahead;
  }

  #lineUp(how: typeof join): Promise<Outlook | undefined> {
    return this.lineUp(({ key, value, lease }) => this.ask(how(this.line, key, value, lease)));
  }

  /** Resolves when nobody is ahead any more; false when the place in line is lost or not wanted any more. */
  async #advance(outlook: Outlook): Promise<boolean> {
    let { own, ahead, revision } = outlook;
    while (own && ahead && this.waiting) {
      // Of one that has several units, or somebody's mistake that is about to leave?
      if (tagOf(ahead).capacity !== 1) await this.#failOnClash();
      // The end of a wait resolves the news that there are: who gave up meanwhile must not wait for others.
      if (!this.waiting) return false;
      await this.#change(own, ahead, revision);
      if (!this.waiting) return false;
      // At the front most of the time: so the lease is renewed along with the look.
      const look = await this.renewWithLook(lookAhead(this.line, own));
      if (!look) return false;
      ({ own, ahead, revision } = look);
    }
    return own !== undefined && this.waiting;
  }

  /** Fails if whoever is first in line uses the lock with another capacity. */
  async #failOnClash(): Promise<void> {
    const [first] = (await this.ask(readLine(this.line, 1))).keys;
    const { capacity } = first ? tagOf(first) : this.request;
    if (capacity !== 1) this.clash(capacity);
  }

  /** Until the key ahead or our own is deleted after `revision`, or that cannot be told any more. */
  async #change(own: Place, ahead: IKeyValue, revision: number): Promise<void> {
    const news: DeferredPromise<void> = pDefer();
    this.news = news;
    const watch = (key: Buffer, onLate?: () => void) =>
      this.context.watches.watch({
        key,
        deletionsOnly: true,
        from: revision + 1,
        onEvents: () => news.resolve(),
        onEnd: this.onEnd,
        ...(onLate && { onLate }),
      });
    const stops = [watch(own.key), watch(ahead.key, () => void this.#lookOnce(own, ahead, news))];
    await news.promise;
    this.wake = 'handoff';
    for (const stop of stops) stop();
  }

  /** Whether the key ahead has gone while its watch was made. If that can't be told now, the watch will tell. */
  async #lookOnce(own: Place, ahead: IKeyValue, news: DeferredPromise<void>): Promise<void> {
    const look = await this.context.link.run(lookAhead(this.line, own)).catch(() => undefined);
    if (look && !look.ahead?.key.equals(ahead.key)) news.resolve();
  }
}
