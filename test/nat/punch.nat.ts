import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createLab, type Lab, type LabProcess, whyNoLab } from './support/lab.ts'
import { type HomeKind, type Machine, type NetworkKind, OUTSIDE, OUTSIDE_V6 } from './support/networks.ts'
import type { PeerOrder, Punched } from './support/peer.ts'

const MIB = 1024 * 1024
const cone: HomeKind = { nat: 'cone' }
const symmetric: HomeKind = { nat: 'symmetric' }

/** Networks, who punches, and where the other one is met then; UNREACHABLE: nowhere, and they go on over the relay. */
const CASES: { name: string; network: NetworkKind; at: RegExp; from?: Machine; to?: Machine }[] = [
  { name: 'two cone NATs', network: { a: cone, b: cone }, at: /^\/ip4\/192\.0\.1\.102\// },
  { name: 'a cone and a symmetric NAT', network: { a: cone, b: symmetric }, at: /^UNREACHABLE$/ },
  { name: 'two symmetric NATs', network: { a: symmetric, b: symmetric }, at: /^UNREACHABLE$/ },
  {
    name: 'symmetric NATs, and IPv6 behind firewalls',
    network: { a: symmetric, b: symmetric, ipv6: true },
    at: /^\/ip6\/2001:db8:2::2\//,
  },
  {
    name: 'cone NATs, and IPv6 behind firewalls',
    network: { a: cone, b: cone, ipv6: true },
    at: /^\/ip[46]\//,
  },
  {
    // without latency two SYN hardly ever cross
    name: 'NATs that answer RST',
    network: { a: { nat: 'cone', refuses: 'reset' }, b: { nat: 'cone', refuses: 'reset' } },
    at: /^(\/ip4\/192\.0\.1\.102\/|UNREACHABLE$)/,
  },
  { name: 'one home', network: { a: cone, b: cone }, from: 'a1', to: 'a2', at: /^\/ip4\/10\.1\.0\.3\// },
]

describe('hole punching between', function () {
  this.timeout(200_000)
  const reason = whyNoLab()
  before(function () {
    if (reason === undefined) return
    console.log(`      skipped: ${reason}`)
    this.skip()
  })

  let lab: Lab | undefined
  afterEach(async () => {
    await lab?.close()
    lab = undefined
  })

  const ask = <T>(peer: LabProcess, order: PeerOrder) => peer.ask<T>(order)
  const program = (name: string) => new URL(`./support/${name}.ts`, import.meta.url)

  async function start(network: NetworkKind, from: Machine, to: Machine) {
    lab = await createLab(network)
    const relay = lab.run('relay', program('relay'))
    const { address } = await relay.ask<{ address: string }>({})
    const args = [address, ...(network.ipv6 ? [OUTSIDE_V6.relay] : []), OUTSIDE.relay]
    const [caller, called] = [lab.run(from, program('peer'), args), lab.run(to, program('peer'), args)]
    const [, there] = await Promise.all(
      [caller, called].map(peer => ask<{ peer: string; address: string }>(peer, { do: 'address' })),
    )
    return { relay, caller, called, there: there! }
  }

  for (const { name, network, at, from = 'a1', to = 'b1' } of CASES) {
    it(`${name}: ${at.source.includes('UNREACHABLE') ? 'the relay stays' : 'a direct connection'}`, async () => {
      const { relay, caller, there } = await start(network, from, to)
      const { outcome } = await ask<Punched>(caller, { do: 'punch', address: there.address })
      assert.match(outcome, at)
      const carried = async () => {
        const { bytes } = await relay.ask<{ bytes: Record<string, number> }>({})
        return Object.values(bytes).reduce((a, b) => a + b, 0)
      }
      const before = await carried()
      const { received } = await ask<{ received: number }>(caller, {
        do: 'send',
        peer: there.peer,
        bytes: 20 * MIB,
      })
      assert.equal(received, 20 * MIB)
      const relayedBytes = (await carried()) - before
      if (outcome === 'UNREACHABLE') assert.ok(relayedBytes >= 20 * MIB)
      else assert.ok(relayedBytes < MIB, `${relayedBytes} bytes went over the relay`)
    })
  }

  it('two cone NATs: goes on without the relay, and is reached by others when that is back', async () => {
    const network = { a: cone, b: cone }
    const { relay, caller, called, there } = await start(network, 'a1', 'b1')
    const { outcome } = await ask<Punched>(caller, { do: 'punch', address: there.address })
    assert.match(outcome, /^\/ip4\//)
    relay.child.kill('SIGKILL')
    await once(relay.child, 'exit')
    const { received } = await ask<{ received: number }>(caller, {
      do: 'send',
      peer: there.peer,
      bytes: 20 * MIB,
    })
    assert.equal(received, 20 * MIB)
    const { address } = await lab!.run('relay', program('relay')).ask<{ address: string }>({})
    await ask(called, { do: 'reserved' })
    const other = lab!.run('a2', program('peer'), [address, OUTSIDE.relay])
    const again = await ask<Punched>(other, { do: 'punch', address: there.address })
    assert.match(again.outcome, /^\/ip4\/192\.0\.1\.102\//)
  })

  it('two cone NATs: is met over a relay that has little of a line left', async () => {
    const { relay, caller, there } = await start({ a: cone, b: cone }, 'a1', 'b1')
    lab!.exec('relay', 'tc', ...'qdisc add dev out root tbf rate 1mbit burst 16k latency 100ms'.split(' '))
    const { outcome } = await ask<Punched>(caller, { do: 'punch', address: there.address })
    assert.match(outcome, /^\/ip4\/192\.0\.1\.102\//)
    // at the relay's rate these would take three minutes
    await ask(caller, { do: 'send', peer: there.peer, bytes: 20 * MIB })
    await relay.ask({})
  })
})
