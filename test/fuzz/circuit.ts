/**
 * Throws damaged circuit messages at a relay, and at a private node as its relay would: valid ones with bytes changed, cut, repeated or
 * made up, ended by a close, a reset or silence. Whatever comes, an honest peer is still called over the relay, no circuit
 * stays, and memory does not grow without end.
 */
import assert from 'node:assert/strict'
import type { Connection } from '@libp2p/interface'
import fc from 'fast-check'
import { systemClock } from '../../base/clock.ts'
import {
  CIRCUIT,
  connectThrough,
  HopAnswerMessage,
  HopRequestMessage,
  reserveAt,
  StopAnswerMessage,
  StopRequestMessage,
} from '../../protocols/index.ts'
import { encodeFrame } from '../../protocols/stream/frame.ts'
import { testRelays } from '../node/relay/support.ts'
import { eventually } from '../protocols/support/eventually.ts'
import type { FuzzOptions } from './main.ts'

const damage = fc.record({
  message: fc.nat(4),
  changes: fc.array(fc.record({ at: fc.nat(200), to: fc.integer({ min: 0, max: 255 }) }), { maxLength: 3 }),
  cutAt: fc.option(fc.nat(200)),
  repeat: fc.integer({ min: 1, max: 3 }),
  junk: fc.uint8Array({ maxLength: 300 }),
  ending: fc.constantFrom('close', 'reset', 'silence'),
})

type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never

export async function run({ minutes, seed }: FuzzOptions): Promise<void> {
  const relays = testRelays()
  const relay = await relays.relay()
  const [target, caller, hostile] = [
    await relays.peer(relay),
    await relays.peer(relay),
    await relays.peer(relay),
  ]
  await reserveAt(target.connection, { clock: systemClock })
  const { peerId } = target.libp2p
  const messages = [
    HopRequestMessage.encode({ kind: 'reserve' }),
    HopRequestMessage.encode({ kind: 'connect', peer: peerId }),
    HopAnswerMessage.encode({
      status: 'ok',
      reason: 'full',
      retryAfterMs: 5,
      loadPermille: 1,
      stunPort: 3478,
    }),
    StopRequestMessage.encode({ peer: peerId, limit: { durationSeconds: 1, dataBytes: 1 } }),
    StopAnswerMessage.encode({ status: 'ok' }),
  ]
  const bytesOf = ({ message, changes, cutAt, repeat, junk }: Damage): Uint8Array => {
    const frames = Array.from({ length: repeat }, () => encodeFrame(messages[message]!))
    const bytes = Buffer.concat([...frames, junk])
    for (const { at, to } of changes) bytes[at % bytes.length] = to
    return new Uint8Array(cutAt === null ? bytes : bytes.subarray(0, cutAt))
  }
  const attempt = async (connection: Connection, protocol: string, one: Damage): Promise<void> => {
    const stream = await connection.newStream(protocol, { maxOutboundStreams: CIRCUIT.streams })
    try {
      stream.send(bytesOf(one))
      if (one.ending === 'close') await stream.close()
    } catch {
      // it was reset meanwhile
    }
    if (one.ending !== 'close') await new Promise(resolve => setImmediate(resolve))
    stream.abort(new Error('over'))
  }
  const end = performance.now() + minutes * 60_000
  let tried = 0
  try {
    for (let round = 0; performance.now() < end; round++) {
      const batch = fc.sample(damage, { numRuns: 20, seed: seed + round })
      const [toTarget] = relay.libp2p.getConnections(peerId)
      await Promise.all([
        ...batch.map(one => attempt(hostile.connection, CIRCUIT.hop, one)),
        ...batch.map(one => attempt(toTarget!, CIRCUIT.stop, one)),
      ])
      await eventually(
        () => relay.relay.view().circuits === 0,
        () => `${relay.relay.view().circuits} circuits stay, seed ${seed + round}`,
      )
      const { stream } = await connectThrough(caller.connection, peerId, { clock: systemClock })
      stream.abort(new Error('over'))
      assert.ok(process.memoryUsage().rss < 1_000_000_000, `memory grows, seed ${seed + round}`)
      tried += 2 * batch.length
      // its own rate of questions would be all that is tested
      await new Promise(resolve => setTimeout(resolve, 2_000))
    }
  } finally {
    await relays.stop()
  }
  console.log(`${tried} conversations, seed ${seed}: ${JSON.stringify(relay.relay.view().counts)}`)
}
