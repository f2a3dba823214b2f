import assert from 'node:assert/strict'
import type { AutoNodeOrder, Found } from './support/auto-node.ts'
import { createLab, type Lab, type LabProcess, whyNoLab, whyNoUpnp } from './support/lab.ts'
import { type HomeKind, OUTSIDE } from './support/networks.ts'
import type { WitnessOrder } from './support/witness.ts'

/** A router is looked for, and others are asked once it has passed on a port: some 10 s, on a busy machine longer. */
const FOUND_MS = 60_000
const OUTER = `/ip4/${OUTSIDE.a}/tcp/4001`

describe('a node behind a router', function () {
  this.timeout(120_000)
  const skipFor = (context: Mocha.Context, reason: string | undefined): void => {
    if (reason === undefined) return
    console.log(`      skipped: ${reason}`)
    context.skip()
  }
  before(function () {
    skipFor(this, whyNoLab())
  })

  let lab: Lab | undefined
  afterEach(async () => {
    await lab?.close()
    lab = undefined
  })

  const program = (name: string) => new URL(`./support/${name}.ts`, import.meta.url)
  const ask = <T>(one: LabProcess, order: AutoNodeOrder | WitnessOrder, ms?: number) => one.ask<T>(order, ms)

  /** The node at home, and somebody in another one who dials it where it is said to be. */
  async function start(a: HomeKind, upnp: 'upnp' | 'no-upnp') {
    lab = await createLab({ a, b: { nat: 'symmetric' } })
    const members = [
      lab.run('relay', program('witness'), [`/ip4/${OUTSIDE.relay}/tcp/4001`]),
      lab.run('public', program('witness'), [`/ip4/${OUTSIDE.public}/tcp/4001`]),
    ]
    const asked = await Promise.all(members.map(one => ask<{ address: string }>(one, { do: 'address' })))
    const args = [upnp, ...asked.map(({ address }) => address)]
    return { node: lab.run('a1', program('auto-node'), args), caller: lab.run('b1', program('witness')) }
  }
  const found = (node: LabProcess, reached: number) => ask<Found>(node, { do: 'found', reached }, FOUND_MS)
  const dial = async (caller: LabProcess, { peer }: Found) => {
    const { at } = await ask<{ at: string }>(caller, { do: 'dial', peer, addresses: [OUTER] })
    return at
  }

  it('that forwards a port: is found there by those whom it asks, told of, and dialled from a symmetric NAT', async () => {
    const { node, caller } = await start({ nat: 'cone', forwards: 4001 }, 'no-upnp')
    const told = await found(node, 1)
    assert.ok(told.announced.includes(OUTER), told.announced.join())
    assert.equal(told.wantsRelays, false)
    assert.equal(await dial(caller, told), OUTER)
  })

  it('that forwards nothing: is found by nobody, and calls relays', async () => {
    const { node, caller } = await start({ nat: 'cone' }, 'no-upnp')
    const told = await found(node, 0)
    assert.ok(!told.announced.includes(OUTER), told.announced.join())
    assert.equal(told.wantsRelays, true)
    assert.equal(await dial(caller, told), 'UNREACHABLE')
  })

  it('with UPnP: is told of at the port that the router passes on, once others have found it there', async function () {
    skipFor(this, whyNoUpnp())
    const { node, caller } = await start({ nat: 'cone', upnp: true }, 'upnp')
    const told = await found(node, 1)
    assert.ok(told.announced.includes(OUTER), told.announced.join())
    // a router forgets what it was asked for when it starts again
    assert.equal(told.wantsRelays, true)
    assert.equal(await dial(caller, told), OUTER)
  })
})
