import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { RespFrames } from './resp-frames.ts';

/** What a client needs to know for TLS; it suits the `tls` option of ioredis. */
export interface TlsTrust {
  readonly ca: string;
  /** The name in the certificate: a container's address is not known when a certificate is made. */
  readonly servername: string;
}

/** Where a server listens and whom it lets in. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsTrust | undefined;
  readonly password?: string | undefined;
}

const PATIENCE_MS = 1000;

/** Opens a connection: a socket, by TLS and with AUTH on its way where the address says so. */
export function open({ host, port, tls, password }: Address): Socket {
  const socket = tls === undefined ? connect(port, host) : connectTls({ host, port, ...tls });
  if (password !== undefined) socket.write(`AUTH ${JSON.stringify(password)}\r\n`);
  return socket;
}

/** Sends one command on a connection of its own and gives back the reply as it came over the wire. */
export function ask(address: Address, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const frames = new RespFrames();
    const socket = open(address);
    let repliesBefore = address.password === undefined ? 0 : 1;
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error(`no reply to ${command}`)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`the connection ended before a reply to ${command}`)));
    socket.on('data', (chunk: Buffer) => {
      for (const reply of frames.push(chunk)) {
        if (repliesBefore-- > 0) continue;
        resolve(reply.toString());
        socket.destroy();
        return;
      }
    });
    socket.write(`${command}\r\n`);
  });
}

/** Whether the reply to a command matches; no reply does not. */
export async function says(address: Address, command: string, pattern: RegExp): Promise<boolean> {
  try {
    return pattern.test(await ask(address, command));
  } catch {
    return false;
  }
}

/** Whether a server answers PING; to be asked for a password is an answer, to be told to wait is none. */
export function answers(address: Address): Promise<boolean> {
  return says(address, 'PING', /^(?!-LOADING)/);
}
