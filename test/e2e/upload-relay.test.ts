import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { Transaction } from '@mysten/sui/transactions'
import { silentLog } from '../../base/log.ts'
import { createCoordinator } from '../../chain/index.ts'
import type { FullCoordinator } from '../../chain/types/index.ts'
import { parseBlobId, parseObjectId } from '../../codec/index.ts'
import { createClient } from '../../node/client/node-client.ts'
import type { Client } from '../../node/client/types.ts'
import { type Devnet, startDevnet } from '../../node/devnet/devnet.ts'
import { createGateway, type Gateway, type Tip } from '../../node/gateway/index.ts'
import { commandLine } from '../support/command-line.ts'
import { ask, jsonOf, reasonOf } from '../support/http.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { connectSdk, fundedKey } from './support/walrus-sdk.ts'

const bytes = (length: number) => Uint8Array.from(randomBytes(length))

describe("an upload relay, as Walrus's own SDK uses it", function () {
  this.timeout(60_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let devnet: Devnet
  let signer: Ed25519Keypair
  /** without a wallet */
  let client: Client
  let chain: FullCoordinator
  const relays: Gateway[] = []
  const address = parseObjectId('0x717')

  before(async () => {
    folder = await temporaryFolder()
    devnet = await startDevnet({ dir: folder.path, nodes: 4, shards: 10, port: 0, log: silentLog() })
    signer = await fundedKey(devnet.network)
    client = await createClient(devnet.network, { remember: false })
    chain = createCoordinator(devnet.network)
  })
  afterEach(() => Promise.all(relays.splice(0).map(relay => relay.stop())))
  after(async () => {
    await client?.close()
    await chain?.close()
    await devnet?.close()
    await folder?.remove()
  })

  const startRelay = async (tip?: Tip, dir?: string) => {
    const { network } = devnet
    const uploadRelay = { chain, tip }
    const limits = { registrationMs: 500 }
    const relay = createGateway({ client, network, port: 0, uploadRelay, limits, dir })
    await relay.start()
    relays.push(relay)
    return relay.url
  }
  const connect = (host: string, sendTip?: { max: number }) =>
    connectSdk(devnet.network, undefined, { host, sendTip })
  const post = (url: string, query: Record<string, string>, body: Uint8Array) =>
    ask(`${url}/v1/blob-upload-relay?${new URLSearchParams(query)}`, {
      method: 'POST',
      body: Buffer.from(body),
    })
  const balance = async () => (await chain.balances(address)).sui
  const readBack = async (blobId: string) =>
    Uint8Array.from((await devnet.client.read(parseBlobId(blobId))).data)

  for (const deletable of [true, false]) {
    it(`sends a ${deletable ? 'deletable' : 'permanent'} blob for nothing, by the gateway of a devnet`, async () => {
      const blob = bytes(100_000)
      const sdk = connect(devnet.gatewayUrl)
      const { blobId, blobObject } = await sdk.walrus.writeBlob({ blob, deletable, epochs: 2, signer })
      assert.equal(typeof blobObject.certified_epoch, 'number')
      assert.deepEqual(await readBack(blobId), blob)
    })
  }

  it('sends what the command line stores, for a tip and for nothing', async () => {
    const file = join(folder.path, 'file')
    const store = async (url: string, ...options: string[]) => {
      await writeFile(file, bytes(50_000))
      const network = ['--network', join(folder.path, 'network.json')]
      const told = await commandLine(folder.path, [
        ...['store', file, '--upload-relay', url, ...options, ...network, '--json'],
      ])
      return { ...told, value: JSON.parse(told.stdout.toString() || told.stderr) }
    }
    const url = await startRelay({ address, kind: { const: 105n } })
    const before = await balance()
    const refused = await store(url)
    assert.deepEqual([refused.code, refused.value.error.code], [6, 'TIP_TOO_HIGH'])
    for (const [relay, tip, ...options] of [
      [url, 105n, '--max-tip', '0.000000105'],
      [devnet.gatewayUrl, 0n, '--permanent'],
    ] as const) {
      const paidBefore = await balance()
      const { code, value, stderr } = await store(relay, ...options)
      assert.equal(code, 0, stderr)
      assert.equal(typeof value.newlyCreated.blobObject.certifiedEpoch, 'number')
      assert.deepEqual(await readBack(value.blobId), new Uint8Array(await readFile(file)))
      assert.equal((await balance()) - paidBefore, tip)
    }
    assert.equal((await balance()) - before, 105n)
  })

  it('says that it is free, and to apps that ask before they pay too', async () => {
    const url = await startRelay()
    const answer = await ask(`${url}/v1/tip-config`)
    assert.equal(answer.body.toString().trim(), '"no_tip"')
    const blob = bytes(10)
    const { blobId } = await connect(url, { max: 1 }).walrus.writeBlob({
      blob,
      deletable: true,
      epochs: 1,
      signer,
    })
    assert.deepEqual(await readBack(blobId), blob)
  })

  const kinds: [string, Tip['kind'], object][] = [
    ['constant', { const: 105n }, { const: 105 }],
    [
      'linear',
      { linear: { base: 7n, perEncodedKib: 3n } },
      { linear: { base: 7, encoded_size_mul_per_kib: 3 } },
    ],
  ]
  for (const [name, kind, told] of kinds) {
    it(`takes a ${name} tip`, async () => {
      const url = await startRelay({ address, kind })
      assert.deepEqual(jsonOf(await ask(`${url}/v1/tip-config`)), { send_tip: { address, kind: told } })
      const before = await balance()
      const blob = bytes(5_000)
      const sdk = connect(url, { max: 1_000_000 })
      const tip = await sdk.walrus.calculateUploadRelayTip({ size: blob.length })
      const { blobId } = await sdk.walrus.writeBlob({ blob, deletable: true, epochs: 1, signer })
      assert.deepEqual(await readBack(blobId), blob)
      assert.equal((await balance()) - before, BigInt(tip))
    })
  }

  it('takes files as a quilt', async () => {
    const url = await startRelay({ address, kind: { const: 1n } })
    const { WalrusFile } = await import('@mysten/walrus')
    const files = ['a', 'b'].map(identifier => WalrusFile.from({ contents: bytes(50), identifier, tags: {} }))
    const sdk = connect(url, { max: 10 })
    const [written] = await sdk.walrus.writeFiles({ files, deletable: true, epochs: 1, signer })
    const [file] = await sdk.walrus.getFiles({ ids: [written!.id] })
    assert.equal(await file?.getIdentifier(), 'a')
  })

  /** Registers and pays, and does not send. */
  const paid = async (url: string, blob: Uint8Array, max: number) => {
    const flow = connect(url, { max }).walrus.writeBlobFlow({ blob })
    const { blobId, nonce } = (await flow.encode()) as { blobId: string; nonce: string }
    const owner = signer.toSuiAddress()
    const registered = await flow.executeRegister({ signer, epochs: 1, deletable: true, owner })
    return {
      blob_id: blobId,
      tx_id: registered.txDigest,
      nonce: Buffer.from(nonce, 'base64').toString('base64url'),
      deletable_blob_object: registered.blobObjectId,
    }
  }

  it('has each tip pay for one upload, also after a restart, and answers a retry of that', async () => {
    const dir = `${folder.path}/relay`
    const tip = { address, kind: { const: 100n } }
    const url = await startRelay(tip, dir)
    const [blob, other] = [bytes(1000), bytes(1000)]
    const query = await paid(url, blob, 1000)
    const another = await paid(url, other, 1000)
    const broken = { ...query, nonce: Buffer.alloc(32).toString('base64url') }
    assert.equal(reasonOf(await post(url, broken, blob)), 'TIP_NOT_FOUND')
    // the tip names the bytes that it was paid for
    assert.equal(reasonOf(await post(url, query, other)), 'TIP_NOT_FOUND')
    const first = await post(url, query, blob)
    assert.equal(first.status, 200, first.body.toString())
    assert.deepEqual(jsonOf(await post(url, query, blob)), jsonOf(first))
    for (const restarted of [false, true]) {
      const at = restarted ? await startRelay(tip, dir) : url
      const stolen = { ...another, tx_id: query.tx_id, nonce: query.nonce }
      const answer = await post(at, stolen, blob)
      assert.deepEqual([answer.status, reasonOf(answer)], [409, 'TIP_USED'])
      assert.deepEqual(jsonOf(await post(at, query, blob)), jsonOf(first))
    }
  })

  it('refuses what was not paid for, or paid too little or long ago, before it takes the body', async () => {
    const free = await startRelay({ address, kind: { const: 5n } })
    const blob = bytes(1000)
    const query = await paid(free, blob, 1000)
    const { tx_id: _, ...unpaid } = query
    assert.equal(reasonOf(await post(free, unpaid, blob)), 'TIP_REQUIRED')
    const dear = await startRelay({ address, kind: { const: 6n } })
    assert.equal(reasonOf(await post(dear, query, blob)), 'TIP_TOO_SMALL')
    const elsewhere = await startRelay({ address: parseObjectId('0x718'), kind: { const: 1n } })
    assert.equal(reasonOf(await post(elsewhere, query, blob)), 'TIP_TOO_SMALL')
    const plain = new Transaction()
    plain.transferObjects([plain.splitCoins(plain.gas, [1000])], address)
    const { Transaction: sent } = await connect(free).core.signAndExecuteTransaction({
      transaction: plain,
      signer,
    })
    assert.equal(reasonOf(await post(free, { ...query, tx_id: sent!.digest }, blob)), 'TIP_NOT_FOUND')
    await devnet.advanceClock(3_601_000)
    // the chain's clock shows in its next transaction
    assert.equal(reasonOf(await post(free, query, blob)), 'TIP_TOO_OLD')
  })

  it('takes nothing that is not registered, or is another blob than it says', async () => {
    const url = await startRelay()
    const blob = bytes(1000)
    const { blobId } = await connect(url).walrus.encodeBlob(blob)
    const object = `0x${'ab'.repeat(32)}`
    const unregistered = await post(url, { blob_id: blobId, deletable_blob_object: object }, blob)
    assert.deepEqual([unregistered.status, reasonOf(unregistered)], [400, 'NOT_REGISTERED'])
    const flow = connect(url).walrus.writeBlobFlow({ blob })
    await flow.encode()
    const owner = signer.toSuiAddress()
    const { blobObjectId } = await flow.executeRegister({ signer, epochs: 1, deletable: true, owner })
    const query = { blob_id: blobId, deletable_blob_object: blobObjectId }
    const wrong = await post(url, query, bytes(1000))
    assert.deepEqual([wrong.status, reasonOf(wrong)], [400, 'BLOB_ID_MISMATCH'])
    for (const bad of [
      { blob_id: 'x' },
      { ...query, nonce: 'x' },
      { ...query, tx_id: '0' },
      { ...query, k: 'v' },
    ])
      assert.equal((await post(url, bad as Record<string, string>, blob)).status, 400)
    assert.equal((await post(url, query, blob)).status, 200)
  })
})
