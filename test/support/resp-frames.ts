const AGGREGATES = new Map([
  ['*', 1],
  ['~', 1],
  ['>', 1],
  ['%', 2],
]);
const STRINGS = '$=!';

/** Cuts one direction of a Redis connection into whole frames; requests and replies look alike. */
export class RespFrames {
  #rest: Buffer = Buffer.alloc(0);

  /** The frames that this chunk completes. */
  push(chunk: Buffer): Buffer[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Buffer[] = [];
    let start = 0;
    for (let end = frameEnd(bytes, 0); end !== -1; end = frameEnd(bytes, start)) {
      frames.push(bytes.subarray(start, end));
      start = end;
    }
    this.#rest = bytes.subarray(start);
    return frames;
  }
}

/** Where the frame at `start` ends, or -1 as long as it is incomplete. */
function frameEnd(bytes: Buffer, start: number): number {
  const lineEnd = bytes.indexOf('\r\n', start);
  if (lineEnd === -1) return -1;
  const kind = bytes.toString('latin1', start, start + 1);
  const afterLine = lineEnd + 2;
  const size = Number(bytes.toString('latin1', start + 1, lineEnd));
  if (STRINGS.includes(kind)) {
    const end = size < 0 ? afterLine : afterLine + size + 2;
    return end <= bytes.length ? end : -1;
  }
  // An attribute ("|") is a map in front of the value that it belongs to.
  if (kind === '|') return skip(bytes, afterLine, 2 * size + 1);
  return skip(bytes, afterLine, size * (AGGREGATES.get(kind) ?? 0));
}

function skip(bytes: Buffer, start: number, frames: number): number {
  let end = start;
  for (let left = frames; left > 0 && end !== -1; left--) end = frameEnd(bytes, end);
  return end;
}
