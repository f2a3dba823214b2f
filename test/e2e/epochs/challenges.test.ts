import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { ChainEvent, Challenger } from '../../../chain/types/index.ts'
import type { BlobId } from '../../../codec/types.ts'
import { type Devnet, startDevnet } from '../../../node/devnet/devnet.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { controlEpochs, type EpochControl, testLog, until } from '../support/epochs.ts'
import { expectWalConserved } from '../support/wal.ts'

describe('storage challenges of a devnet', function () {
  this.timeout(180_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let devnet: Devnet
  let epochs: EpochControl
  let anyone: Challenger
  const events: ChainEvent[] = []
  const stop = new AbortController()
  let following: Promise<void>
  const stored: BlobId[] = []

  before(async () => {
    folder = await temporaryFolder()
    devnet = await startDevnet({ nodes: 5, shards: 10, dir: folder.path, log: testLog() })
    epochs = controlEpochs(devnet)
    anyone = epochs.chain.challenger(devnet.user)
    following = (async () => {
      for await (const event of epochs.chain.follow({ signal: stop.signal })) events.push(event)
    })()
    // slivers of one piece, and of many
    for (const size of [1, 5_000, 40_000, 1_400_000]) {
      const { blobId } = await devnet.client.store(randomBytes(size), {
        epochs: 20,
        deletable: size === 5_000,
      })
      stored.push(blobId)
    }
    await epochs.turn()
  })
  after(async () => {
    stop.abort()
    await following
    await epochs?.[Symbol.asyncDispose]()
    await devnet?.close()
    await folder?.remove()
  })

  const of = <Type extends ChainEvent['type']>(type: Type, epoch: number) =>
    events.filter(
      (event): event is ChainEvent & { type: Type } =>
        event.type === type && 'epoch' in event && event.epoch === epoch,
    )

  /** By the chain's clock, to so much of the epoch. */
  async function advanceTo(share: number): Promise<void> {
    const { state, durationMs, nowMs } = await epochs.timing()
    assert.ok(state.kind === 'done' || state.kind === 'next-params-selected')
    await devnet.advanceClock(state.sinceMs + share * durationMs - nowMs)
  }

  /** Somebody of the nodes is first, or the test: they look every few seconds. */
  const first = (run: Promise<unknown>) => run.catch(() => undefined)

  async function untilCommitted(epoch: number, nodes = 5): Promise<void> {
    await advanceTo(0.3)
    await first(anyone.open())
    await until('all have committed', async () => of('ChallengeCommitted', epoch).length === nodes)
  }

  it('are passed by nodes that have what they owe, whatever was deleted meanwhile', async () => {
    const { epoch } = await epochs.timing()
    await untilCommitted(epoch)
    const mine = await epochs.chain.ownedBlobs(devnet.user.address)
    const { objectId } = mine.find(({ blobId }) => blobId === stored[1])!
    await epochs.chain.writer(devnet.user).deleteBlob(objectId)
    await advanceTo(0.56)
    await first(anyone.draw(0))
    // nobody stops reading meanwhile
    const living = stored.filter(blobId => blobId !== stored[1])
    const read = await Promise.all(living.map(blobId => devnet.client.read(blobId)))
    assert.deepEqual(
      read.map(({ size }) => size),
      [1, 40_000, 1_400_000],
    )
    await until('all have passed', async () => of('ChallengePassed', epoch).length === 5)
    for (const { http } of devnet.network.peers) {
      const told = await (await fetch(`${http}/v1/health`)).json()
      assert.equal(told.success.data.challenge.state, 'passed')
    }
    assert.deepEqual(of('ChallengeFailed', epoch), [])
    const [standing, ...others] = await epochs.chain.challenges()
    assert.deepEqual(
      [others.length, standing?.epoch, standing?.round, standing?.isDrawn, standing?.passedShards],
      [0, epoch, 0, true, (await epochs.chain.committees()).current.nShards],
    )
    const nodeIds = devnet.nodes.map(({ nodeId }) => nodeId).sort()
    assert.deepEqual([standing!.committed.toSorted(), standing!.passed.toSorted()], [nodeIds, nodeIds])
  })

  it('are failed by one that shows nothing, which earns nothing for the epoch', async () => {
    const epoch = await epochs.turn()
    await devnet.nodes[0]!.stop()
    await untilCommitted(epoch, 4)
    await advanceTo(0.56)
    await first(anyone.draw(0))
    await until('the others have passed', async () => of('ChallengePassed', epoch).length === 4)
    await epochs.turn()
    await until('the events have come', async () => of('EpochChangeStart', epoch + 1).length === 1)
    const failed = of('ChallengeFailed', epoch)
    assert.deepEqual(
      failed.map(({ nodeId }) => nodeId),
      [devnet.nodes[0]!.nodeId],
    )
    await devnet.close()
    await expectWalConserved(folder.path)
  })
})
