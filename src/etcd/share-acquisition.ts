import pDefer, { type DeferredPromise } from 'p-defer';
import { Acquisition } from './acquisition.ts';
import { type Line, type Place, readLine, readPlace } from './protocol.ts';
import { type Entry, joinShared, joinUnchanged, type NewKey } from './share-protocol.ts';
import { Standings } from './standings.ts';

/** An acquire of some units of several: it holds as soon as all before it in line and itself fit into the capacity. */
export class ShareAcquisition extends Acquisition {
  protected async comeFirst(): Promise<boolean> {
    const { name, capacity } = this.request;
    // Behind others who wait here there is nothing to see that is not known.
    const limit = () => (this.context.lines.has(name) ? 1 : capacity);
    const entry = await this.lineUp((entrant) => this.ask(joinShared(this.line, limit(), entrant)));
    if (!entry?.own) return false;
    const standings = new Standings(entry.line.keys);
    const other = standings.clash(capacity, entry.own.createRevision);
    if (other !== undefined) this.clash(other);
    return standings.holds(entry.own) || (this.waiting && this.#turnComes(entry.own));
  }

  protected async slipIn(): Promise<boolean> {
    // A look is cheaper for everybody than a lease that comes to nothing.
    const line = await this.ask(readLine(this.line, this.request.capacity));
    if (!this.#hasRoom(line)) return false;
    // Tries of one client would only make each other look again.
    this.enter();
    const entry = await this.lineUp((entrant) => this.#squeezeIn(entrant, line));
    return entry !== undefined;
  }

  /** Puts the key once there is room for it and nobody has come in between. */
  async #squeezeIn(entrant: NewKey, seen: Line): Promise<Entry | undefined> {
    const { capacity } = this.request;
    let line = seen;
    while (this.#hasRoom(line)) {
      const entry = await this.ask(joinUnchanged(this.line, capacity, entrant, line.revision));
      if (!entry || entry.own) return entry;
      line = entry.line;
    }
    return undefined;
  }

  /** Whether there is room behind all that are in line, and somebody who wants it. */
  #hasRoom({ keys, count }: Line): boolean {
    const { units, capacity } = this.request;
    const standings = new Standings(keys);
    const other = standings.clash(capacity);
    if (other !== undefined) this.clash(other);
    return this.waiting && keys.length === count && standings.hasRoom(units, capacity);
  }

  /** Resolves when there is room for our units; false when the place in line is lost or not wanted any more. */
  async #turnComes(own: Place): Promise<boolean> {
    const { name, capacity } = this.request;
    const news: DeferredPromise<void> = pDefer();
    this.news = news;
    let free = false;
    const stop = this.context.lines.follow(name, this.line, {
      place: own,
      capacity,
      onTurn: () => {
        free = true;
        news.resolve();
      },
      onGone: () => news.resolve(),
      onClash: (actual) => this.clash(actual),
      onEnd: this.onEnd,
    });
    await news.promise;
    this.wake = 'handoff';
    stop();
    if (!free || !this.waiting) return false;
    // Nothing but the loss of our own key can have changed that since.
    const look = await this.renewWithLook(readPlace(own));
    return look?.key !== undefined && this.waiting;
  }
}
