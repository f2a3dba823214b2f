/**
 * What a relay holds. Paths between two homes behind NATs, in network namespaces (root, iproute2, nftables): over a relay, and punched. CPU is that of a
 * whole process, for a GiB; `load` is the machine's while it was measured.
 */
import { createLab, type Lab, type LabProcess, whyNoLab } from '../nat/support/lab.ts'
import { OUTSIDE } from '../nat/support/networks.ts'
import type { PeerOrder, Punched } from '../nat/support/peer.ts'
import type { BenchOptions } from './main.ts'
import { relayMemory } from './network/relay-memory.ts'
import { load } from './report/load.ts'

const MIB = 1024 * 1024
const LIMIT_MS = 120_000
/** of the network outside, where nobody is */
const NOBODY = '/ip4/203.0.113.99/tcp/4001'

interface Told {
  peer: string
  address: string
  cpuMs: number
}

export async function run({ quick, report }: BenchOptions): Promise<void> {
  await relayMemory({ quick, report })
  const reason = whyNoLab()
  if (reason !== undefined) return console.error(`network: paths are not measured, ${reason}`)
  const lab = await createLab({ a: { nat: 'cone' }, b: { nat: 'cone' } })
  try {
    const homes = await start(lab)
    const bytes = (quick ? 16 : 256) * MIB
    report({ of: { path: 'relayed' }, took: await transfer(homes, bytes) })
    const { ms, outcome } = await tell<Punched>(homes.caller, { do: 'punch', address: homes.there.address })
    if (!outcome.startsWith('/')) throw new Error(`not punched: ${outcome}`)
    report({ of: { path: 'punched' }, took: await transfer(homes, bytes) })
    report({ of: { case: 'to a punched connection' }, took: { ms, load: load().average } })
    report({
      of: { case: 'one dead address before a good one' },
      took: await pastNobody(lab, homes.caller),
    })
  } finally {
    await lab.close()
  }
}

interface Homes {
  relay: LabProcess
  caller: LabProcess
  called: LabProcess
  there: Told
}

async function start(lab: Lab): Promise<Homes> {
  const relay = lab.run('relay', program('relay'))
  const { address } = await tell<Told>(relay)
  const [caller, called] = [
    lab.run('a1', program('peer'), [address, OUTSIDE.relay]),
    lab.run('b1', program('peer'), [address, OUTSIDE.relay]),
  ]
  await tell(caller)
  return { relay, caller, called, there: await tell<Told>(called) }
}

/** Over the best connection that there is; once unmeasured, as windows grow and code warms up. */
async function transfer(
  { relay, caller, called, there }: Homes,
  bytes: number,
): Promise<Record<string, number>> {
  await tell(caller, { do: 'dial', peer: there.peer, addresses: [there.address] })
  await tell(caller, { do: 'send', peer: there.peer, bytes: bytes / 8 })
  const cpu = () => Promise.all([caller, called, relay].map(async one => (await tell<Told>(one)).cpuMs))
  const before = await cpu()
  const { ms } = await tell<{ ms: number }>(caller, { do: 'send', peer: there.peer, bytes })
  const gib = bytes / (1024 * MIB)
  const [sender, receiver, relaying] = (await cpu()).map((after, i) => (after - before[i]!) / 1000 / gib)
  return {
    mibPerSecond: bytes / MIB / (ms / 1000),
    senderCpuS: sender!,
    receiverCpuS: receiver!,
    relayCpuS: relaying!,
    load: load().average,
  }
}

/** A peer of which one address leads nowhere. */
async function pastNobody(lab: Lab, caller: LabProcess): Promise<Record<string, number>> {
  const { peer, address } = await tell<Told>(lab.run('public', program('relay'), [OUTSIDE.public]))
  const addresses = [`${NOBODY}/p2p/${peer}`, address]
  const { ms } = await tell<{ ms: number }>(caller, { do: 'dial', peer, addresses })
  return { ms, load: load().average }
}

const tell = <T>(process: LabProcess, order: PeerOrder = { do: 'address' }) => process.ask<T>(order, LIMIT_MS)
const program = (name: string) => new URL(`../nat/support/${name}.ts`, import.meta.url)
