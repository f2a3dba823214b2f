import assert from 'node:assert/strict'
import { Random } from '../../support/random.ts'
import type { SimNode } from '../node.ts'
import { type Stage, stages } from './stage.ts'

const TERMS = { rounds: 1, draws: 40 }

describe('storage challenges in a simulated network', function () {
  this.timeout(60_000)
  const open = stages()

  /** Until a round of the next epoch is over: what was there from the beginning is owed from then on. */
  async function round(stage: Stage): Promise<void> {
    const { rounds } = stage.world.challenges!
    await stage.turned()
    await stage.until('a round', () => rounds.last?.epoch === stage.epoch)
    await stage.until('its end', () => stage.world.chain.nowMs > rounds.last!.passUntilMs)
  }
  const hasPassed = (stage: Stage, { nodeId }: SimNode): boolean =>
    stage.world.challenges!.rounds.last!.passed.has(nodeId)

  it('are failed as often as what a node has dropped makes it likely', async () => {
    const size = { nodes: 10, shards: 10, blobs: 40, joiners: 0 }
    await using stage = await open({ ...size, challenges: { rounds: 4, draws: 40 } })
    const { rounds, watch } = stage.world.challenges!
    const random = new Random('dropped')
    // none of the first, and of each a little more than of the one before
    const dropped = stage.members.map((_, i) => i / 150)
    for (const [i, node] of stage.members.entries()) {
      const kept = new Map<string, boolean>()
      const isOf = (blobId: string, { axis }: { axis: string }): boolean => {
        const name = `${blobId} ${axis}`
        if (!kept.has(name)) kept.set(name, random.chance(dropped[i]!))
        return kept.get(name)!
      }
      node.holdsBack = { isOf, as: 'nothing' }
    }
    let [passed, expected, variance, rarely] = [0, 0, 0, 0]
    await stage.turned()
    for (let seen = 0; seen < 12; seen++) {
      const before = rounds.last
      await stage.until('a round', () => rounds.last !== before, 60)
      const { commitUntilMs, passUntilMs } = rounds.last!
      await stage.until('its draw', () => stage.world.chain.nowMs > commitUntilMs)
      const odds = stage.members.map(node => watch.shareOf(node)! ** 40)
      await stage.until('its end', () => stage.world.chain.nowMs > passUntilMs)
      for (const [i, node] of stage.members.entries()) {
        expected += odds[i]!
        variance += odds[i]! * (1 - odds[i]!)
        if (odds[i]! < 0.9) rarely++
        if (hasPassed(stage, node)) passed++
      }
    }
    assert.ok(rarely > 50)
    const off = Math.abs(passed - expected) / Math.sqrt(variance)
    assert.ok(off < 3, `${passed} have passed, ${expected} were expected: ${off} sigma`)
  })

  it('are not passed by an empty node with f colluders, and by everybody else', async () => {
    await using stage = await open({ nodes: 10, shards: 10, joiners: 0, challenges: TERMS })
    const { rounds } = stage.world.challenges!
    const [empty, ...others] = stage.members
    // what it shows is garbage, and with it three of ten shards say that they have looked
    empty!.holdsBack = { isOf: () => true, as: 'garbage' }
    for (const node of others.slice(0, 2)) node.lies.add('signs')
    for (const node of stage.members.slice(0, 3)) node.everLied = true
    await round(stage)
    assert.deepEqual(
      stage.members.map(node => hasPassed(stage, node)),
      [false, ...others.map(() => true)],
    )
    await stage.turned()
    // of the epoch before the first there was nothing to fail
    assert.equal(rounds.settled.failed, 1)
  })

  it('are passed through a partition that heals and by a node that restarts in between', async () => {
    await using stage = await open({ nodes: 7, joiners: 0, challenges: TERMS })
    const { rounds } = stage.world.challenges!
    await stage.turned()
    await stage.until('a round', () => rounds.last?.epoch === stage.epoch)
    const [a, b] = stage.members
    stage.world.network.cut(a!.peerIds)
    const { commitUntilMs, passUntilMs } = rounds.last!
    await stage.until('all commitments', () => rounds.last!.roots.size === 7)
    b!.kill()
    await stage.world.starting([b!])
    await stage.until('the draw', () => rounds.last!.seed !== undefined)
    assert.ok(stage.world.chain.nowMs >= commitUntilMs)
    await stage.pass(1)
    assert.ok(!hasPassed(stage, a!))
    stage.world.network.heal(a!.peerIds)
    await stage.until('its end', () => stage.world.chain.nowMs > passUntilMs)
    assert.equal(rounds.last!.passed.size, 7)
  })

  it('cost nothing where nobody is there to draw', async () => {
    await using stage = await open({ nodes: 5, joiners: 0, challenges: TERMS })
    const { rounds } = stage.world.challenges!
    await stage.turned()
    await stage.until(
      'all commitments',
      () => rounds.last?.epoch === stage.epoch && rounds.last.roots.size === 5,
    )
    const { failed } = rounds.settled
    for (const node of stage.members) node.init.rpc.faults.isBroke = true
    await stage.until('its end', () => stage.world.chain.nowMs > rounds.last!.passUntilMs)
    for (const node of stage.members) node.init.rpc.faults.isBroke = false
    assert.equal(rounds.last!.seed, undefined)
    await stage.turned()
    assert.equal(rounds.settled.failed, failed)
    assert.ok(rounds.settled.void >= 5)
  })
})
