/** A relay that does harm. Its arguments: the folder with its key, what it does, and where it is. */
import type { Connection, Stream } from '@libp2p/interface'
import { systemClock } from '../../../base/clock.ts'
import { createNetworkNode } from '../../../node/network/libp2p.ts'
import { relayFolder } from '../../../node/relay/folder.ts'
import { createRelay } from '../../../node/relay/relay.ts'
import { createStunServer } from '../../../node/relay/stun.ts'
import { loadNetworkSeed } from '../../../node/secret-file.ts'
import { CIRCUIT, STUN } from '../../../protocols/index.ts'
import { eventually } from '../../protocols/support/eventually.ts'
import { quietLog } from '../../protocols/support/quiet.ts'
import { obey } from './obey.ts'

/**
 * `alters`: one byte of each piece, once so many have passed; `cuts`: circuits that have carried so much, while it says that there is no
 * limit. Other than both it keeps connections that are made through it for a while.
 */
export type Harm = 'alters' | 'cuts'
/** Answered once so many peers have a reservation. */
export interface BadRelayOrder {
  reservations: number
}

/** What passes unharmed of a direction: more than it takes to connect. */
const UNHARMED_BYTES = 512 * 1024

const [dir = '', harm, ...announce] = process.argv.slice(2)
const libp2p = await createNetworkNode({
  privateKey: await loadNetworkSeed(relayFolder(dir).key),
  roles: ['relay'],
  listen: announce.map(address => address.replace(/\/p2p\/\w+$/, '')),
  log: quietLog,
  clock: systemClock,
  random: Math.random,
})

function spoil(stream: Stream): Stream {
  const { send } = stream
  let passed = 0
  stream.send = data => {
    passed += data.byteLength
    if (passed < UNHARMED_BYTES) return send.call(stream, data)
    if (harm === 'cuts') stream.abort(new Error('the relay has had enough of it'))
    const bytes = data instanceof Uint8Array ? Uint8Array.from(data) : data.slice()
    bytes[bytes.length - 1]! ^= 1
    return send.call(stream, bytes)
  }
  return stream
}

/** whose calls are spoilt already */
const spoilt = new WeakSet<Connection>()
function spoilCalls(connection: Connection): void {
  if (spoilt.has(connection)) return
  spoilt.add(connection)
  const { newStream } = connection
  connection.newStream = async (...args) => spoil(await newStream.apply(connection, args))
}

const { handle } = libp2p
libp2p.handle = (protocol, handler, options) =>
  handle.call(
    libp2p,
    protocol,
    (stream, connection) => {
      if (protocol === CIRCUIT.hop) {
        spoil(stream)
        spoilCalls(connection)
      }
      return handler(stream, connection)
    },
    options,
  )
const relay = createRelay({ libp2p, log: quietLog, clock: systemClock })
await relay.start()
await createStunServer({ host: '::', port: STUN.port, clock: systemClock })

obey(async ({ reservations }: BadRelayOrder) => {
  await eventually(
    () => relay.view().reservations >= reservations,
    () => JSON.stringify(relay.view()),
    120_000,
  )
  return {}
})
