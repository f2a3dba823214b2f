import { randomBytes } from 'node:crypto'
import { connect, type LookupFunction, type Socket } from 'node:net'
import type { Clock } from '../../../../base/clock.ts'
import { waitFor } from '../../../../base/wait.ts'
import {
  decodeStunAnswer,
  encodeStunRequest,
  type PunchCandidate,
  STUN,
  STUN_HEADER_BYTES,
  stunLength,
} from '../../../../protocols/index.ts'

/** A relay's STUN over TCP. */
export interface StunAddress {
  /** an IP address, or a name */
  host: string
  family: 4 | 6
  port: number
  /** for a name; node's own when absent */
  lookup?: LookupFunction | undefined
}

/** A local port that nothing listens on, and what it looks like from outside. `close` it when the punch is over. */
export interface Observation {
  readonly localPort: number
  /** as the relay sees it */
  readonly outer: PunchCandidate
  /** of this machine, in the network that leads to the relay */
  readonly inner: PunchCandidate
  /** The connection to the relay, which keeps the router's entry for the port alive. */
  close(): void
}

/**
 * Asks a relay from a fresh local port how it looks from outside. Throws node's own error, a `TimeoutError` or the signal's reason.
 */
export async function observe(
  { host, family, port, lookup }: StunAddress,
  { clock, signal }: { clock: Clock; signal?: AbortSignal | undefined },
): Promise<Observation> {
  using limit = clock.deadline(STUN.timeoutMs, [signal])
  // bound before it is connected: only then may others connect from the same port
  const localAddress = family === 6 ? '::' : '0.0.0.0'
  const socket = connect({ host, family, lookup, port, localAddress, localPort: 0, noDelay: true })
  // what happens once nobody waits any more is the end of the socket
  socket.on('error', () => undefined)
  try {
    const outer = await ask(socket, limit.signal)
    const { localPort, localAddress: ip } = socket
    if (localPort === undefined || ip === undefined) throw new Error('the connection broke')
    return {
      localPort,
      outer,
      inner: { ip, port: localPort },
      close: () => socket.destroy(),
    }
  } catch (error) {
    socket.destroy()
    throw error
  }
}

async function ask(socket: Socket, signal: AbortSignal): Promise<PunchCandidate> {
  const transaction = new Uint8Array(randomBytes(12))
  let answer: Uint8Array = new Uint8Array()
  await waitFor((resolve, reject) => {
    const onData = (data: Uint8Array): void => {
      answer = Buffer.concat([answer, data])
      if (answer.length < STUN_HEADER_BYTES) return
      const length = stunLength(answer)
      if (length === undefined || answer.length > length) reject(new Error('no STUN server'))
      else if (answer.length === length) resolve()
    }
    const onClose = (): void => reject(new Error('the STUN server hung up'))
    socket.on('data', onData)
    socket.on('error', reject)
    socket.on('close', onClose)
    socket.write(encodeStunRequest(transaction))
    return () => {
      socket.off('data', onData)
      socket.off('error', reject)
      socket.off('close', onClose)
    }
  }, signal)
  // nobody listens to it any more; without a reader the end of the connection would not be noticed
  socket.resume()
  const seen = decodeStunAnswer(answer, transaction)
  if (seen === undefined) throw new Error('the STUN server answered something else')
  return seen
}
