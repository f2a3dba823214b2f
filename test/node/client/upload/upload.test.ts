import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { subscribe } from 'node:diagnostics_channel'
import type { ObjectId } from '../../../../codec/types.ts'
import { createClient } from '../../../../node/client/node-client.ts'
import type { Progress, StoreResult } from '../../../../node/client/types.ts'
import type { BlobState } from '../../../../node/storage/store/blob-state.ts'
import type { SliverStore } from '../../../../protocols/ports.ts'
import { blockLoop } from '../../../support/block-loop.ts'
import { type Cluster, startCluster } from '../../../support/cluster.ts'
import { anyObjectId } from '../../../support/fake-chain.ts'

describe('uploads', () => {
  let cluster: Cluster
  beforeEach(async () => {
    cluster = await startCluster({ nodes: 4, shards: 10 })
  })
  afterEach(() => cluster?.close())

  const options = { epochs: 1, deletable: true }
  const registrations = () => cluster.chain.events.filter(({ type }) => type === 'BlobRegistered').length
  const objectOf = (result: StoreResult) =>
    result.kind === 'newlyCreated' ? result.blob.objectId : result.objectId
  const untilAllSee = (blobId: string, isSo: (state: BlobState | undefined) => boolean) =>
    Promise.all(cluster.nodes.map(node => node?.blobs.waitFor(blobId as never, isSo, { timeoutMs: 20_000 })))

  it('whose certificate meets an epoch change are certified by the new committee, and paid once', async () => {
    cluster.chain.beforeCertify = () => {
      cluster.chain.beforeCertify = undefined
      cluster.chain.changeEpoch()
    }
    const result = await cluster.client.store(randomBytes(1000), { ...options, epochs: 2 })
    assert.equal(result.kind === 'newlyCreated' && result.blob.certifiedEpoch, 2)
    assert.equal(registrations(), 1)
  })

  it('whose certificate is of members that are not in office any more are certified by those who are, and paid once', async () => {
    cluster.chain.refusal = ['bls_aggregate', 'ESigVerification']
    cluster.chain.beforeCertify = () => {
      cluster.chain.beforeCertify = undefined
      cluster.chain.changeEpoch()
    }
    const result = await cluster.client.store(randomBytes(1000), { ...options, epochs: 2 })
    assert.equal(result.kind === 'newlyCreated' && result.blob.certifiedEpoch, 2)
    assert.equal(registrations(), 1)
  })

  it('that nodes of a later epoch refuse are sent to the committee that is in office by then, and paid once', async () => {
    const { chain } = cluster
    const before = await chain.committees()
    chain.changeEpoch()
    // the client keeps what it has read of the chain for a while, unless it asks anew
    const asked: (boolean | undefined)[] = []
    const coordinator = new Proxy(chain, {
      get(target, name) {
        const value = Reflect.get(target, name)
        if (name !== 'committees') return typeof value === 'function' ? value.bind(target) : value
        return async ({ fresh }: { fresh?: boolean } = {}) => {
          asked.push(fresh)
          return fresh ? await chain.committees() : before
        }
      },
    })
    await using client = await createClient(chain.network, { wallet: chain.wallet, coordinator })
    const result = await client.store(randomBytes(1000), { ...options, epochs: 2 })
    assert.equal(result.kind === 'newlyCreated' && result.blob.certifiedEpoch, 2)
    assert.equal(registrations(), 1)
    assert.ok(asked.includes(true))
  })

  it('say so when the epochs that were paid for end meanwhile', async () => {
    const data = randomBytes(1000)
    for (const moment of ['certify', 'upload'] as const) {
      cluster.chain.beforeCertify = () => {
        if (moment === 'certify') cluster.chain.changeEpoch()
      }
      const onProgress = ({ phase, done }: Progress) => {
        if (moment === 'upload' && phase === 'register' && done === 1) cluster.chain.changeEpoch()
      }
      const endEpoch = cluster.chain.epoch + 1
      await assert.rejects(cluster.client.store(data, { ...options, onProgress }), (error: Error) => {
        assert.match(
          error.message,
          new RegExp(`is paid until epoch ${endEpoch}, which began during the upload`),
        )
        const { code, details } = error as Error & { code: string; details: { endEpoch: number } }
        assert.equal(code, 'REGISTRATION_ENDED')
        assert.equal(details.endEpoch, endEpoch)
        return true
      })
    }
  })

  it('of one content at the same time are paid once', async () => {
    const data = randomBytes(5000)
    const results = await Promise.all(Array.from({ length: 6 }, () => cluster.client.store(data, options)))
    assert.equal(registrations(), 1)
    assert.deepEqual(results.map(({ kind }) => kind).sort(), [
      ...Array.from({ length: 5 }, () => 'alreadyCertified'),
      'newlyCreated',
    ])
    assert.equal(new Set(results.map(objectOf)).size, 1)
  })

  it('tell when a transaction is handed in, before they ask for the certificate', async () => {
    const told: string[] = []
    await cluster.client.store(randomBytes(1000), {
      ...options,
      onSubmitted: () => told.push('submitted'),
      onProgress: ({ phase, done }) => phase === 'register' && done === 1 && told.push('registered'),
    })
    assert.deepEqual(told, ['submitted', 'registered', 'submitted'])
  })

  it('go on with what an earlier one has registered, or tell what became of it, and pay once', async () => {
    const data = randomBytes(1000)
    const sent = { ...options, sendObjectTo: anyObjectId() }
    let goOnWith: ObjectId | undefined
    const onRegistered = async (objectId: ObjectId) => {
      goOnWith = objectId
      throw new Error('the process ends')
    }
    await assert.rejects(cluster.client.store(data, { ...sent, onRegistered }), /the process ends/)
    assert.equal(registrations(), 1)
    const results: StoreResult[] = []
    for (let i = 0; i < 2; i++) results.push(await cluster.client.store(data, { ...sent, goOnWith }))
    for (const result of results) {
      assert.equal(objectOf(result), goOnWith)
      assert.equal(result.kind === 'newlyCreated' && result.blob.owner, sent.sendObjectTo)
    }
    // another blob's is none
    await cluster.client.store(randomBytes(1000), { ...sent, goOnWith })
    assert.equal(registrations(), 2)
  })

  it('wait for a registration that is with a sub-wallet of another process, and pay once', async () => {
    const { chain } = cluster
    const data = randomBytes(1000)
    let goOnWith: ObjectId | undefined
    const onRegistered = async (objectId: ObjectId) => {
      goOnWith = objectId
      throw new Error('the process ends')
    }
    await assert.rejects(cluster.client.store(data, { ...options, onRegistered }), /the process ends/)
    const blob = chain.blobs.get(goOnWith!)!
    const sub = anyObjectId()
    chain.blobs.set(blob.objectId, { ...blob, owner: sub })
    const writer = { ...chain.writer(chain.wallet), subWalletsElsewhere: [sub] }
    const init = { wallet: chain.wallet, coordinator: chain, writer }
    await using client = await createClient(chain.network, init)
    const retry = { ...options, goOnWith, mayHaveBegun: true }
    await assert.rejects(client.store(data, retry), {
      code: 'WALLET_BUSY',
      details: { owner: sub, attempts: 1 },
    })
    // the other one has ended: what its sub-wallet had is the main wallet's
    chain.blobs.set(blob.objectId, blob)
    assert.equal(objectOf(await client.store(data, retry)), goOnWith)
    assert.equal(registrations(), 1)
  })

  it('are told of no object that went to somebody else', async () => {
    const data = randomBytes(1000)
    const recipients = [anyObjectId(), anyObjectId(), undefined]
    let goOnWith: ObjectId | undefined
    const onRegistered = async (objectId: ObjectId) => {
      goOnWith = objectId
      throw new Error('the process ends')
    }
    await assert.rejects(cluster.client.store(data, { ...options, onRegistered }), /the process ends/)
    const owners: (ObjectId | undefined)[] = []
    for (const sendObjectTo of recipients) {
      // the first has lost its record, and takes the registration of the others
      const earlier = owners.length === 0 ? { mayHaveBegun: true } : { goOnWith }
      const result = await cluster.client.store(data, { ...options, ...earlier, sendObjectTo })
      assert.equal(objectOf(result) === goOnWith, owners.length === 0)
      owners.push(result.kind === 'newlyCreated' ? result.blob.owner : undefined)
    }
    assert.deepEqual(owners, [...recipients.slice(0, 2), cluster.chain.wallet.address])
  })

  it('of one content by several clients of one wallet are paid once', async () => {
    const data = randomBytes(5000)
    const readers = await Promise.all([0, 1, 2].map(() => cluster.reader()))
    try {
      const results = await Promise.all(readers.map(({ client }) => client.store(data, options)))
      assert.equal(registrations(), 1)
      assert.equal(results.filter(({ kind }) => kind === 'newlyCreated').length, 1)
    } finally {
      await Promise.all(readers.map(({ client }) => client.close()))
    }
  })

  it('take a blob that another program has certified meanwhile for what they wanted', async () => {
    cluster.chain.beforeCertify = () => {
      const [blob] = cluster.chain.blobs.values()
      if (blob?.certifiedEpoch === undefined) cluster.chain.certify(blob!.objectId)
    }
    const result = await cluster.client.store(randomBytes(1000), options)
    assert.equal(result.kind === 'newlyCreated' && result.blob.certifiedEpoch, 1)
  })

  it('that send their object make one, whatever is stored already', async () => {
    const data = randomBytes(1000)
    const first = await cluster.client.store(data, { ...options, deletable: false })
    const { blobId } = (first.kind === 'newlyCreated' && first.blob) || assert.fail()
    await untilAllSee(blobId, state => state?.initialCertifiedEpoch !== undefined)
    const recipient = anyObjectId()
    for (const deletable of [false, true]) {
      const sent = await cluster.client.store(data, { ...options, deletable, sendObjectTo: recipient })
      assert.equal(sent.kind === 'newlyCreated' && sent.blob.owner, recipient)
    }
    assert.equal(registrations(), 3)
    assert.equal((await cluster.chain.ownedBlobs(recipient)).length, 2)
  })

  it('name the event of a permanent blob of somebody else, and the object of a deletable one of ours', async () => {
    const data = randomBytes(1000)
    const stored = await cluster.client.store(data, {
      ...options,
      deletable: false,
      sendObjectTo: anyObjectId(),
    })
    const { blobId } = (stored.kind === 'newlyCreated' && stored.blob) || assert.fail()
    await untilAllSee(blobId, state => state?.initialCertifiedEpoch !== undefined)
    const event = cluster.chain.events.find(({ type }) => type === 'BlobCertified')
    assert.deepEqual(await cluster.client.store(data, options), {
      kind: 'alreadyCertified',
      blobId,
      endEpoch: 2,
      event: { txDigest: event?.digest, eventSeq: '0' },
    })
    const mine = randomBytes(1000)
    const first = await cluster.client.store(mine, options)
    const again = await cluster.client.store(mine, options)
    assert.equal(again.kind, 'alreadyCertified')
    assert.equal(objectOf(again), objectOf(first))
  })

  const operationOf = (result: StoreResult) => result.kind === 'newlyCreated' && result.operation
  const endOf = (result: StoreResult) => result.kind === 'newlyCreated' && result.blob.storage.endEpoch
  /** Registers, and is cut short before the nodes have it. */
  const cutShort = async (data: Uint8Array) => {
    const patience = new AbortController()
    const onProgress = ({ phase, done }: Progress) => {
      if (phase === 'register' && done === 1) patience.abort(new Error('enough'))
    }
    const given = { ...options, epochs: 2, signal: patience.signal, onProgress }
    await assert.rejects(cluster.client.store(data, given), /enough/)
  }

  it('go on with what an earlier one may have begun, though a new object is wanted', async () => {
    const data = randomBytes(1000)
    await cutShort(data)
    const forced = { ...options, force: true }
    const again = await cluster.client.store(data, { ...forced, mayHaveBegun: true })
    assert.deepEqual(operationOf(again), { kind: 'reuseRegistration' })
    assert.equal(registrations(), 1)
    // what is certified is none that was cut short
    await cluster.client.store(data, { ...forced, mayHaveBegun: true })
    assert.equal(registrations(), 2)
    const more = randomBytes(1000)
    await cutShort(more)
    await cluster.client.store(more, forced)
    assert.equal(registrations(), 4)
  })

  it('leave a registration to the one that will go on with it, and have an object of their own', async () => {
    const data = randomBytes(1000)
    let first: ObjectId | undefined
    const onRegistered = async (objectId: ObjectId) => {
      first = objectId
      throw new Error('the process ends')
    }
    const forced = { ...options, force: true }
    await assert.rejects(cluster.client.store(data, { ...forced, onRegistered }), /the process ends/)
    const mayTake = async (objectId: ObjectId) => objectId !== first
    // both ways in which what was cut short is found: by a retry, and by one that looks for what there is
    const retried = await cluster.client.store(data, { ...forced, mayHaveBegun: true, mayTake })
    const sent = await cluster.client.store(data, { ...options, sendObjectTo: anyObjectId(), mayTake })
    const again = await cluster.client.store(data, { ...forced, goOnWith: first, mayHaveBegun: true })
    assert.equal(objectOf(again), first)
    assert.equal(new Set([retried, sent, again].map(objectOf)).size, 3)
    assert.equal(registrations(), 3)
  })

  it('go on with a registration that was cut short, for as many epochs or others, and after an epoch change', async () => {
    const data = randomBytes(1000)
    await cutShort(data)
    const resumed = await cluster.client.store(data, options)
    assert.deepEqual(operationOf(resumed), { kind: 'reuseRegistration' })
    for (const [epochs, epochsExtended, change] of [
      [5, 3, false],
      [2, 1, true],
    ] as const) {
      const more = randomBytes(1000)
      const before = registrations()
      await cutShort(more)
      if (change) cluster.chain.changeEpoch()
      const result = await cluster.client.store(more, { ...options, epochs })
      assert.deepEqual(operationOf(result), { kind: 'reuseAndExtendNonCertified', epochsExtended })
      assert.equal(endOf(result), cluster.chain.epoch + epochs)
      assert.equal(registrations(), before + 1)
    }
  })

  it('extend what the wallet has stored for a shorter time, once, and buy nothing', async () => {
    const data = randomBytes(1000)
    const first = await cluster.client.store(data, options)
    const { blobId } = first
    await untilAllSee(blobId, state => state?.initialCertifiedEpoch !== undefined)
    const longer = { ...options, epochs: 4 }
    const results = await Promise.all([1, 2, 3].map(() => cluster.client.store(data, longer)))
    const extended = results.filter(({ kind }) => kind === 'newlyCreated')
    assert.equal(extended.length, 1)
    assert.deepEqual(operationOf(extended[0]!), { kind: 'reuseAndExtend', epochsExtended: 3 })
    assert.equal(endOf(extended[0]!), 5)
    assert.equal(objectOf(extended[0]!), objectOf(first))
    assert.equal(registrations(), 1)
    // unless that is not wished for
    const bought = await cluster.client.store(data, { ...options, epochs: 6, reuse: false })
    assert.deepEqual(operationOf(bought), { kind: 'registerFromScratch' })
    assert.equal(registrations(), 2)
  })

  it('do not extend twice when they are aborted meanwhile', async () => {
    const data = randomBytes(1000)
    const { blobId } = await cluster.client.store(data, options)
    await untilAllSee(blobId, state => state?.initialCertifiedEpoch !== undefined)
    const patience = new AbortController()
    const extending = cluster.client.store(data, { ...options, epochs: 4, signal: patience.signal })
    cluster.chain.extending = async () => patience.abort(new Error('enough'))
    await assert.rejects(extending, /enough/)
    cluster.chain.extending = undefined
    assert.equal((await cluster.client.store(data, { ...options, epochs: 4 })).kind, 'alreadyCertified')
    assert.equal(cluster.chain.blobs.values().next().value?.storage.endEpoch, 5)
  })

  it('share a permanent blob, a new one also of what is stored, and refuse to share a deletable one', async () => {
    const data = randomBytes(1000)
    const permanent = { epochs: 1, deletable: false }
    const { blobId } = await cluster.client.store(data, permanent)
    await untilAllSee(blobId, state => state?.initialCertifiedEpoch !== undefined)
    const shared = await cluster.client.store(data, { ...permanent, share: true })
    assert.ok(shared.kind === 'newlyCreated' && shared.sharedBlob !== undefined)
    assert.equal(shared.blob.owner, undefined)
    assert.equal(registrations(), 2)
    // a retry of that
    const goOnWith = shared.blob.objectId
    const again = await cluster.client.store(data, { ...permanent, share: true, goOnWith })
    assert.ok(again.kind === 'alreadyCertified' && again.event !== undefined)
    assert.equal(registrations(), 2)
    await assert.rejects(cluster.client.store(data, { ...options, share: true }), /only permanent blobs/)
  })

  it('do not take a deletable blob of somebody else for theirs', async () => {
    const data = randomBytes(1000)
    const { blobId } = await cluster.client.store(data, { ...options, sendObjectTo: anyObjectId() })
    await untilAllSee(blobId, state => state?.initialCertifiedEpoch !== undefined)
    assert.deepEqual(operationOf(await cluster.client.store(data, options)), { kind: 'registerFromScratch' })
  })

  it('that are aborted at any moment are paid once in the end', async function () {
    this.timeout(60_000)
    const data = randomBytes(20_000)
    const moments = ['encode', 'register', 'upload', 'certify'] as const
    for (let i = 0; i < 60; i++) {
      const patience = new AbortController()
      const phase = moments[i % moments.length]
      const aborted = cluster.client.store(data, {
        ...options,
        signal: patience.signal,
        onProgress(progress) {
          if (progress.phase === phase) patience.abort(new Error('enough'))
        },
      })
      if (i % 7 === 0) setImmediate(() => patience.abort(new Error('enough')))
      // one that was certified all the same has come to its end
      const ended = await aborted.then(
        () => 'stored',
        (error: Error) => error.message,
      )
      assert.ok(ended === 'enough' || ended === 'stored', ended)
    }
    const result = await cluster.client.store(data, options)
    assert.equal(registrations(), 1)
    const [blob] = cluster.chain.blobs.values()
    assert.equal(objectOf(result), blob?.objectId as ObjectId)
    assert.notEqual(blob?.certifiedEpoch, undefined)
  })

  it('can be asked about while this process stands still for longer than anyone waits', async function () {
    this.timeout(60_000)
    const stored = await cluster.client.store(randomBytes(1000), options)
    const { blobId } = (stored.kind === 'newlyCreated' && stored.blob) || assert.fail()
    await untilAllSee(blobId, state => state?.initialCertifiedEpoch !== undefined)
    const { client } = await cluster.reader()
    try {
      const dialling = Promise.withResolvers<void>()
      subscribe('net.client.socket', () => dialling.resolve())
      const asking = client.status(blobId)
      await dialling.promise
      blockLoop(8_500)
      assert.equal((await asking).status, 'certified')
    } finally {
      await client.close()
    }
  })

  it('say how many nodes have no space left, or too much to do', async () => {
    const failing = (code: string) => (slivers: SliverStore) => ({
      ...slivers,
      has: slivers.has.bind(slivers),
      holds: slivers.holds.bind(slivers),
      get: slivers.get.bind(slivers),
      open: slivers.open.bind(slivers),
      list: slivers.list.bind(slivers),
      delete: slivers.delete.bind(slivers),
      put: async () => Promise.reject(Object.assign(new Error(code), { code })),
    })
    for (const i of [0, 1, 2]) {
      await cluster.stop(i)
      cluster.wrap(i, failing('ENOSPC'))
      await cluster.start(i)
    }
    await assert.rejects(cluster.client.store(randomBytes(1000), options), (error: Error) => {
      const { code, details } = error as Error & { code: string; details: Record<string, unknown> }
      assert.equal(code, 'NO_SPACE')
      // two of them may have enough of the shards for the third not to be waited for
      assert.match(error.message, /^[23] of 4 nodes have no space left: nodes with \d of 10 shards confirmed/)
      const { nodes, noSpaceNodes, busyNodes, neededShards } = details
      assert.equal(String(noSpaceNodes), error.message[0])
      assert.deepEqual({ nodes, busyNodes, neededShards }, { nodes: 4, busyNodes: 0, neededShards: 7 })
      return true
    })
  })
})
