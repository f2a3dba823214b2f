import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { relayFolder } from '../../../node/relay/folder.ts'
import type { RelayLimits } from '../../../node/relay/limits.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import type { AppDone, AppOrder, AppPaths, AppTask } from './app.ts'
import type { BadRelayOrder, Harm } from './bad-relay.ts'
import type { LabNetwork } from './chain.ts'
import { createLab, type Lab, type LabCommand, type LabProcess } from './lab.ts'
import { HOMES, type Home, type HomeKind, type Machine, type NetworkKind, OUTSIDE } from './networks.ts'

const cone: HomeKind = { nat: 'cone' }
const symmetric: HomeKind = { nat: 'symmetric' }
const NETWORK = {
  a: cone,
  b: cone,
  c: symmetric,
  d: symmetric,
  e: symmetric,
  f: { nat: 'cone', refuses: 'reset' },
  ipv6: ['d', 'e'],
  secondRelay: true,
} as const satisfies NetworkKind
/** Where ten nodes are. As many run as FLOE_LAB_NODES says: four are one of each kind that is between routers which drop. */
const ALL_PLACES = ['a1', 'b1', 'c1', 'd1', 'e1', 'f1', 'a2', 'b2', 'c2', 'd2'] as const satisfies Machine[]
export const PLACES: readonly Machine[] = ALL_PLACES.slice(0, Number(process.env.FLOE_LAB_NODES ?? 4))
const RELAYS = ['relay', 'relay2'] as const

/** Longer than anything takes, also on a machine that is busy with other things. */
const TASK_MS = 300_000

/** Private nodes behind NATs, two relays, and a chain: a process each, and `floe` where there is a command. */
export interface PrivateNetwork {
  readonly lab: Lab
  readonly at: LabNetwork
  readonly relays: LabCommand[]
  startRelay(index: number): Promise<void>
  /** Has one with the same key and addresses that does harm stand in for a relay. Resolves once all nodes have reservations there; call the result to have the right one back. */
  harmRelay(index: number, harm: Harm): Promise<() => Promise<void>>
  /** Sets limits of a relay that runs. */
  limitRelay(index: number, limits: Partial<RelayLimits>): Promise<void>
  /** Bytes that a relay has sent since it has had a line. */
  sentBy(index: number): number
  /** What an app on that machine does. */
  run(machine: Machine, what: AppTask): Promise<AppDone>
  ask<T>(machine: Machine, order: AppOrder): Promise<T>
  /** Where the app on that machine meets nodes now, by the machines that they are on. */
  paths(machine: Machine): Promise<Map<Machine, string[]>>
  /** The IP addresses that a machine has TCP connections to. */
  connected(machine: Machine): string[]
  program(name: string): URL
  close(): Promise<void>
}

export async function startPrivateNetwork(): Promise<PrivateNetwork> {
  const folder = await temporaryFolder()
  const lab = await createLab(NETWORK)
  const apps = new Map<Machine, LabProcess>()
  const program = (name: string) => new URL(`./${name}.ts`, import.meta.url)
  const close = async (): Promise<void> => {
    await lab.close()
    await folder.remove()
  }
  try {
    const chain = lab.run('public', program('chain'), [folder.path, `${PLACES.length}`])
    const at = await chain.ask<LabNetwork>({}, TASK_MS)
    const relays: LabCommand[] = []
    const startRelay = async (index: number): Promise<void> => {
      const { dir, addresses } = at.relays[index]!
      const announce = addresses.flatMap(address => ['--announce', address.replace(/\/p2p\/\w+$/, '')])
      const args = ['relay', '--dir', dir, '--network', at.network, ...announce]
      relays[index] = await lab.floe(RELAYS[index]!, args)
    }
    const harmRelay = async (index: number, harm: Harm): Promise<() => Promise<void>> => {
      await relays[index]!.end('SIGTERM')
      const { dir, addresses } = at.relays[index]!
      const bad = lab.run(RELAYS[index]!, program('bad-relay'), [dir, harm, ...addresses])
      const order: BadRelayOrder = { reservations: PLACES.length }
      await bad.ask(order, TASK_MS)
      return async () => {
        await bad.end()
        await startRelay(index)
      }
    }
    await Promise.all(RELAYS.map((_, index) => startRelay(index)))
    const start = (machine: Machine, i: number) =>
      lab.floe(machine, ['node', 'run', '--private', '--dir', at.nodes[i]!.dir, ...LOG])
    for (const { ready } of await Promise.all(PLACES.map(start))) assert.equal(ready.reach, 'private')
    const ask = <T>(machine: Machine, order: AppOrder): Promise<T> => {
      const app = apps.get(machine) ?? lab.run(machine, program('app'), [at.network, at.wallet])
      apps.set(machine, app)
      return app.ask<T>(order, TASK_MS)
    }
    return {
      lab,
      at,
      relays,
      startRelay,
      harmRelay,
      async limitRelay(index, limits) {
        const { settings } = relayFolder(at.relays[index]!.dir)
        await writeFile(settings, JSON.stringify({ limits }))
        relays[index]!.child.kill('SIGHUP')
      },
      sentBy: index => Number(lab.exec(RELAYS[index]!, 'cat', '/sys/class/net/out/statistics/tx_bytes')),
      run: (machine, what) => ask(machine, { do: 'run', what }),
      ask,
      async paths(machine) {
        const found = await ask<AppPaths>(machine, { do: 'paths' })
        return new Map(
          at.nodes.flatMap(({ peerId }, i) =>
            found[peerId] === undefined ? [] : [[PLACES[i]!, found[peerId]]],
          ),
        )
      },
      connected: machine =>
        lab
          .exec(machine, 'ss', '-Htn', 'state', 'established')
          .split('\n')
          .flatMap(line => line.trim().split(/\s+/)[3] ?? [])
          .map(address => address.replace(/:\d+$/, '').replace(/^\[(::ffff:)?|\]$/g, ''))
          .map(ip => (ip.includes(':') ? `/ip6/${ip}/` : `/ip4/${ip}/`)),
      program,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

const LOG = process.env.FLOE_LAB_LOGS === undefined ? [] : ['--log', 'debug']

const homeOf = (machine: Machine): Home | undefined => HOMES.find(home => machine.startsWith(home))
const isCone = (home: Home | undefined): boolean => home === undefined || NETWORK[home].nat === 'cone'
const hasV6 = (home: Home | undefined): boolean =>
  home === undefined || NETWORK.ipv6.some(one => one === home)

/** What the addresses at which a node may be met directly begin with; none: it is reached over relays alone. */
export function meetingPlaces(from: Machine, to: Machine): string[] {
  const [mine, theirs] = [homeOf(from), homeOf(to)]
  if (theirs === undefined) return [`/ip4/${OUTSIDE.public}/`]
  const number = HOMES.indexOf(theirs) + 1
  const v6 = hasV6(mine) && hasV6(theirs) ? [`/ip6/2001:db8:${number}:`] : []
  if (mine === theirs) return [`/ip4/10.${number}.0.`, ...v6]
  return mine === undefined || (isCone(mine) && isCone(theirs)) ? [`/ip4/${OUTSIDE[theirs]}/`, ...v6] : v6
}

/** Where routers answer by RST, peers meet by chance. */
export const isByChance = (from: Machine, to: Machine): boolean => [homeOf(from), homeOf(to)].includes('f')
