import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Stream } from '@libp2p/interface'

const WAYS: ((bytes: Uint8Array, i: number) => Uint8Array)[] = [
  (bytes, i) => bytes.subarray(0, i % bytes.length),
  (bytes, i) => {
    const altered = Buffer.from(bytes)
    altered[(i * 7) % altered.length]! ^= 1 + (i % 255)
    return altered
  },
  bytes => Buffer.concat([bytes, Uint8Array.of(0xff, 0xff, 0xff, 0x7f)]),
  () => randomBytes(200),
]

/** A message that is cut, altered, too long or made up, another one for each number. */
export function spoilt(message: Uint8Array, i: number): Uint8Array {
  return WAYS[i % WAYS.length]!(message, Math.floor(i / WAYS.length))
}

/** Sends it and ends the stream by reset, silence or close, another way for each number. */
export async function endSomehow(stream: Stream, bytes: Uint8Array, i: number): Promise<void> {
  stream.addEventListener('message', () => undefined)
  stream.send(bytes)
  if (i % 5 === 0) stream.abort(new Error('reset'))
  else if (i % 5 === 1) await sleep(100)
  else await stream.close({ signal: AbortSignal.timeout(1_000) })
  stream.abort(new Error('over'))
}
