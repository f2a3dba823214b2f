/** A relay outside: circuits and STUN. Its argument: the IP address that it listens at. */
import { systemClock } from '../../../base/clock.ts'
import { createNetworkNode } from '../../../node/network/libp2p.ts'
import { createRelay } from '../../../node/relay/relay.ts'
import { createStunServer } from '../../../node/relay/stun.ts'
import { STUN } from '../../../protocols/index.ts'
import { quietLog } from '../../protocols/support/quiet.ts'
import { OUTSIDE } from './networks.ts'
import { cpuMs, obey } from './obey.ts'

const [host = OUTSIDE.relay] = process.argv.slice(2)
const libp2p = await createNetworkNode({
  // the same after a restart
  privateKey: new Uint8Array(32).fill(Number(host.split('.')[3])),
  roles: ['relay'],
  listen: [`/ip4/${host}/tcp/4001`],
  log: quietLog,
  clock: systemClock,
  random: Math.random,
})
const relay = createRelay({ libp2p, log: quietLog, clock: systemClock })
await relay.start()
await createStunServer({ host: '::', port: STUN.port, clock: systemClock })

obey(async () => ({
  peer: libp2p.peerId.toString(),
  address: libp2p.getMultiaddrs()[0]!.toString(),
  cpuMs: cpuMs(),
  ...relay.view().counts,
}))
