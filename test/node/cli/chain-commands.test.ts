import assert from 'node:assert/strict'
import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { requestSuiFromFaucetV2 } from '@mysten/sui/faucet'
import { formatNano as walOf } from '../../../base/nano.ts'
import { formatKeystore, generateWalletKey, keypairWallet } from '../../../chain/index.ts'
import { commandLine } from '../../support/command-line.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import {
  type Actors,
  actorsOf,
  type Json,
  type LocalnetProcess,
  NOBODY,
  runJson,
  runJsonApart,
  startLocalnetProcess,
} from './localnet-support.ts'
import { floe, REAL_FLOE } from './support.ts'

const WAL = 1_000_000_000
const NETWORK = { network: 'net/network.json' }

const PAGE = 'https://app.example'

describe('commands of the chain, on a localnet', function () {
  this.timeout(120_000) // some commands are processes, on a machine that may be busy
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let cwd: string
  let localnet: LocalnetProcess
  let actors: Actors
  before(async () => {
    folder = await temporaryFolder()
    cwd = folder.path
    localnet = await startLocalnetProcess(cwd, '--contract-version', '3', '--page-origin', PAGE)
    actors = await actorsOf(cwd)
  })
  after(async () => {
    await actors?.close()
    await localnet?.stop()
    await folder.remove()
  })

  /** A command that works: what it prints. */
  const ok = async (...args: string[]): Promise<Json> => {
    const { code, value } = await runJson(cwd, [...args, '--network', 'net/network.json'])
    assert.equal(code, 0, JSON.stringify(value))
    return value
  }
  /** A command that fails: its error. */
  const fails = async (code: string, exitCode: number, ...args: string[]): Promise<Json> => {
    const { value } = await runJson(cwd, [...args, '--network', 'net/network.json'])
    assert.deepEqual([value.error?.code, value.error?.exitCode], [code, exitCode], JSON.stringify(value))
    assert.match(value.error.message, /^[^a-z].*\.$/s)
    return value.error
  }

  it('localnet tells where everything is', async () => {
    const { ready } = localnet
    for (const name of ['packageId', 'systemObjectId', 'stakingObjectId', 'treasuryObjectId']) {
      assert.match(ready[name], /^0x[0-9a-f]{64}$/, name)
    }
    assert.match(ready.walType, /::wal::WAL$/)
    const network = JSON.parse(await readFile(join(cwd, ready.network), 'utf8'))
    assert.deepEqual([network.suiRpc, network.systemObjectId], [[ready.suiRpc], ready.systemObjectId])
  })

  it('lets pages ask that it was told of', async () => {
    const ask = async (origin: string) =>
      (await fetch(localnet.ready.suiRpc, { method: 'OPTIONS', headers: { origin } })).status
    assert.deepEqual([await ask(PAGE), await ask(`${PAGE}:1`)], [204, 403])
  })

  it("the faucet's URL works for Sui's SDK and as it stands", async () => {
    const host = localnet.ready.faucet
    const first = keypairWallet(generateWalletKey()).address
    await requestSuiFromFaucetV2({ host, recipient: first })
    const second = keypairWallet(generateWalletKey()).address
    const response = await fetch(host, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ FixedAmountRequest: { recipient: second } }),
    })
    assert.equal(response.status, 201)
    for (const address of [first, second]) {
      const { sui, wal } = await actors.coordinator.balances(address)
      assert.ok(sui > 0n && wal > 0n, address)
    }
  })

  it('makes wallets, shows them and fills them', async () => {
    const made = await runJson(cwd, ['wallet', 'new', 'mine/a.key'])
    assert.equal((await stat(join(cwd, 'mine/a.key'))).mode & 0o777, 0o600)
    const key = await readFile(join(cwd, 'mine/a.key'), 'utf8')
    const again = await runJson(cwd, ['wallet', 'new', 'mine/a.key'])
    assert.deepEqual([again.code, again.value.error.code], [2, 'FILE_EXISTS'])
    assert.equal(await readFile(join(cwd, 'mine/a.key'), 'utf8'), key)
    const shown = await runJson(cwd, ['wallet', 'address', '--wallet', 'mine/a.key'])
    assert.equal(shown.value.address, made.value.address)

    assert.deepEqual(await ok('wallet', 'balance', '--wallet', 'mine/a.key'), {
      address: made.value.address,
      sui: 0,
      wal: 0,
    })
    await fails('INSUFFICIENT_FUNDS', 6, 'stake', 'node-00', '1', '--wallet', 'mine/a.key')
    const { given, balances } = await ok('faucet', '--wallet', 'mine/a.key')
    assert.ok(given.sui > 0 && given.wal > 0)
    assert.deepEqual(balances, given)
    const { hint } = await fails(
      'INSUFFICIENT_FUNDS',
      6,
      'stake',
      'node-00',
      '999999',
      '--wallet',
      'mine/a.key',
    )
    assert.match(hint, /floe faucet/)
    assert.equal((await ok('faucet', NOBODY)).address, NOBODY)
  })

  it("reads Sui's keystores, and says which of several keys it needs", async () => {
    await runJson(cwd, ['wallet', 'new', 'one.keystore', '--format', 'keystore'])
    const one = await runJson(cwd, ['wallet', 'address', '--wallet', 'one.keystore'])
    assert.match(one.value.address, /^0x/)
    const keys = [generateWalletKey(), generateWalletKey()]
    const [first, second] = keys.map(key => keypairWallet(key).address)
    await writeFile(join(cwd, 'two.keystore'), formatKeystore(keys))
    await chmod(join(cwd, 'two.keystore'), 0o600)
    const error = await fails('BAD_WALLET_FILE', 6, 'wallet', 'address', '--wallet', 'two.keystore')
    assert.ok(error.hint.includes(first) && error.hint.includes(second))
    const chosen = await ok('wallet', 'address', '--wallet', 'two.keystore', '--address', second!)
    assert.equal(chosen.address, second)
    await fails('NO_WALLET', 6, 'wallet', 'address', '--wallet', 'two.keystore', '--address', NOBODY)
    await fails('NO_WALLET', 6, 'list-blobs', '--wallet', 'none.key')
  })

  it("votes by a node's key only", async () => {
    const node = ['--wallet', localnet.ready.nodeWallet]
    const voted = await ok('vote', 'price', '--storage', '12000', '--write', '21000', ...node)
    assert.deepEqual(voted.votes, { storagePriceFrost: 12000, writePriceFrost: 21000 })
    await ok('vote', 'capacity', '2TiB', ...node)
    const nodes = await actors.coordinator.nodes()
    const changed = nodes.find(({ nodeId }) => nodeId === voted.nodeId)
    assert.deepEqual(
      [changed?.storagePriceFrost, changed?.writePriceFrost, changed?.nodeCapacityBytes],
      [12_000n, 21_000n, 2n * 1024n ** 4n],
    )
    await Promise.all([
      fails('NOT_FOUND', 4, 'vote', 'capacity', '1'),
      fails('USAGE', 2, 'vote', 'price', ...node),
      fails('USAGE', 2, 'vote', 'capacity', '2 parsecs', ...node),
    ])
  })

  it("votes for parameters by a node's key only, and tells what stands", async () => {
    const node = ['--wallet', localnet.ready.nodeWallet]
    const voted = await ok('vote', 'parameter', 'draws', '100', ...node)
    assert.deepEqual([voted.shards, voted.nShards, voted.decided], [25, 100, false])
    const { parameters } = await ok('info', 'parameters')
    const draws = parameters.find((it: Json) => it.name === 'draws')
    assert.deepEqual(
      [draws.value, draws.next, draws.least, draws.most, draws.votes],
      [40, 40, 16, 1280, [{ value: 100, shards: 25 }]],
    )
    await Promise.all([
      fails('NOT_FOUND', 4, 'vote', 'parameter', 'draws', '100'),
      fails('USAGE', 2, 'vote', 'parameter', 'draws', '15', ...node),
      fails('USAGE', 2, 'vote', 'parameter', 'weather', '1', ...node),
      fails('CHAIN_REJECTED', 8, 'vote', 'parameter', 'draws', '100', ...node),
    ])
  })

  it('tells each topic of the network', async () => {
    const [committee, epoch, price, storage, size, decentralization, challenges] = await Promise.all(
      ['committee', 'epoch', 'price', 'storage', 'size', 'decentralization', 'challenges'].map(topic =>
        ok('info', topic),
      ),
    )
    assert.equal(committee!.members.length, 4)
    assert.deepEqual([epoch!.epoch, epoch!.epochState.kind], [1, 'done'])
    assert.equal(epoch!.endsAtMs - epoch!.epochState.sinceMs, epoch!.epochDurationMs)
    assert.ok(epoch!.chainTimeMs >= epoch!.epochState.sinceMs)
    assert.equal(price!.examples[0].sizeBytes, 1)
    assert.equal(storage!.freeBytes, storage!.totalCapacityBytes - storage!.usedCapacityBytes)
    assert.deepEqual([size!.nShards, size!.maxFaulty], [100, 33])
    assert.equal(decentralization!.operators.length, 4, 'each node of a devnet has a wallet of its own')
    assert.deepEqual([challenges!.rounds, challenges!.nodes.length], [[], 4])
    assert.deepEqual(decentralization!.nakamoto, { shards: 2, stake: 2 })
    await fails('USAGE', 2, 'info', 'weather')
    // a blob is paid for until the epoch after that in which the time is
    await writeFile(join(cwd, 'planned'), 'planned')
    const time = new Date(epoch!.endsAtMs + 1).toISOString()
    const plan = ['store', join(cwd, 'planned'), '--dry-run', '--earliest-expiry-time', time]
    assert.deepEqual([(await ok(...plan)).endEpoch, size!.nShards], [3, 100])
  })

  it('lists, extends, describes, shares, deletes and burns blobs', async () => {
    const deletable = await actors.blob(1, { epochs: 3, deletable: true })
    const permanent = await actors.blob(2, { epochs: 3, deletable: false })
    const uncertified = await actors.blob(3, { epochs: 3, deletable: true, certified: false })
    const { blobs } = await ok('list-blobs')
    const { endsAtMs, epochDurationMs } = await ok('info', 'epoch')
    for (const blob of blobs) assert.equal(blob.endsAtMs, endsAtMs + 2 * epochDurationMs)
    assert.deepEqual(
      new Set(blobs.map((blob: Json) => blob.id)),
      new Set([deletable.objectId, permanent.objectId, uncertified.objectId]),
    )

    // by blob ID as well as by object ID
    assert.equal((await ok('extend', deletable.blobId, '--epochs', '2')).endEpoch, 6)
    assert.equal((await actors.coordinator.blob(deletable.objectId))?.storage.endEpoch, 6)
    const [most] = await Promise.all([
      fails('INVALID_OPTION', 2, 'extend', deletable.objectId, '--epochs', '49'),
      fails('NOT_CERTIFIED', 8, 'extend', uncertified.objectId),
      fails('NOT_OWNER', 8, 'burn', deletable.objectId, '--wallet', localnet.ready.nodeWallet),
      fails('NOT_DELETABLE', 8, 'delete', permanent.objectId),
      fails('NOT_FOUND', 4, 'extend', NOBODY),
      fails('NOT_PERMANENT', 8, 'share', deletable.objectId),
      fails('USAGE', 2, 'attributes', 'set', deletable.objectId, '=empty'),
      ok('attributes', 'remove', permanent.objectId, 'nothing'),
    ])
    assert.match(most.message, /48 epochs at most/)
    const extend = ['extend', '--blob-obj-id', deletable.objectId, '--epochs-extended']
    assert.equal((await ok(...extend, '48')).endEpoch, 54)
    await fails('USAGE', 2, 'extend')
    await fails('USAGE', 2, 'share', deletable.objectId, '--blob-obj-id', deletable.objectId)
    await fails('USAGE', 2, 'share', '--blob-obj-id', deletable.objectId, '--amount', '0.5')

    await ok('attributes', 'set', deletable.objectId, 'type=text/plain', 'note=a=b')
    await ok('attributes', 'remove', deletable.objectId, 'type', 'never-there')
    assert.deepEqual((await ok('attributes', 'get', deletable.objectId)).attributes, { note: 'a=b' })
    await ok('set-blob-attribute', deletable.objectId, '--attr', 'a', 'b=c', '--attr', 'note', 'd')
    await ok('remove-blob-attribute-fields', deletable.objectId, '--keys', 'note')
    assert.deepEqual((await ok('get-blob-attribute', deletable.objectId)).attributes, { a: 'b=c' })
    await fails('USAGE', 2, 'set-blob-attribute', deletable.objectId, '--attr', 'a')
    await fails('USAGE', 2, 'set-blob-attribute', deletable.objectId, '--attr', 'a=b', 'c')
    assert.equal((await ok('convert-blob-id', deletable.objectId)).blobId, deletable.blobId)

    // a second object of the same blob keeps it readable
    const again = await actors.blob(1, { epochs: 2, deletable: true })
    const told = await ok('delete', deletable.objectId)
    assert.deepEqual([told.readableUntil, told.keptBy], [again.storage.endEpoch, again.objectId])
    assert.equal((await ok('delete', again.objectId)).readableUntil, undefined)
    await fails('NOT_FOUND', 4, 'delete', deletable.objectId)
    await ok('burn', uncertified.blobId)

    const { sharedBlob } = await ok('share', permanent.objectId, '--amount', '0.00001')
    const { hint } = await fails('INSUFFICIENT_FUNDS', 6, 'extend', sharedBlob)
    assert.match(hint, new RegExp(`floe fund ${sharedBlob}`))
    // anyone may
    const stranger = ['--wallet', localnet.ready.nodeWallet]
    await ok('fund', sharedBlob, '1').then(({ fundsFrost }) => assert.equal(fundsFrost, 1_000_010_000))
    // Walrus's client counts in FROST
    const { fundsFrost } = await ok('fund-shared-blob', '--shared-blob-obj-id', sharedBlob, '--amount', '3')
    assert.equal(fundsFrost, 1_000_010_003)
    const funding = { fundSharedBlob: { sharedBlobObjId: sharedBlob, amount: 4 } }
    const funded = await commandLine(cwd, ['json', JSON.stringify({ ...NETWORK, command: funding })])
    assert.equal(JSON.parse(funded.stdout.toString()).fundsFrost, 1_000_010_007)
    assert.equal((await ok('extend', sharedBlob, ...stranger)).endEpoch, 5)
    assert.deepEqual((await ok('list-blobs')).blobs, [])
  })

  it('lists, splits, merges and burns storage', async () => {
    const listed = async (): Promise<Json[]> => (await ok('storage', 'list')).storages
    const before = new Set((await listed()).map(({ id }) => id))
    const { objectId, storage } = await actors.blob(20, { epochs: 4, deletable: true })
    await ok('delete', objectId)
    const [all, ...none] = (await listed()).filter(({ id }) => !before.has(id))
    assert.deepEqual([none.length, all.storageSize, all.endEpoch], [0, Number(storage.storageSize), 5])
    const { endsAtMs, epochDurationMs } = await ok('info', 'epoch')
    assert.equal(all.endsAtMs, endsAtMs + 3 * epochDurationMs)

    const bySize = await ok('storage', 'split', all.id, '--size', '100KiB')
    const [kept, rest] = bySize.resultingStorageObjects
    assert.deepEqual([kept.id, kept.storageSize], [all.id, 102_400])
    const byTime = await ok('storage', 'split', '--object-id', all.id, '--end-epoch', '3')
    const [, later] = byTime.resultingStorageObjects
    const after = (await listed()).filter(({ id }) => !before.has(id))
    assert.deepEqual(
      new Map(
        after.map(({ id, startEpoch, endEpoch, storageSize }) => [id, [startEpoch, endEpoch, storageSize]]),
      ),
      new Map([
        [all.id, [1, 3, 102_400]],
        [rest.id, [1, 5, all.storageSize - 102_400]],
        [later.id, [3, 5, 102_400]],
      ]),
    )
    await fails('USAGE', 2, 'storage', 'merge', rest.id, later.id)
    await fails('USAGE', 2, 'storage', 'split', all.id, '--end-epoch', '3')
    await fails('USAGE', 2, 'storage', 'split', all.id, '--size', '1TiB')
    await fails('USAGE', 2, 'storage', 'split', all.id)
    await fails('USAGE', 2, 'storage', 'merge', all.id, all.id)
    await fails('NOT_FOUND', 4, 'storage', 'burn', NOBODY)
    const one = await ok('storage', 'fuse', '--object-ids', all.id, rest.id, later.id)
    assert.deepEqual([one.id, one.storageSize, one.merged], [all.id, all.storageSize, [later.id, rest.id]])

    const told = await commandLine(cwd, [
      'json',
      JSON.stringify({ ...NETWORK, command: { storage: { command: { destroy: { objectId: all.id } } } } }),
    ])
    assert.deepEqual(JSON.parse(told.stdout.toString()).objectIds, [all.id], told.stderr)
    assert.deepEqual(new Set((await listed()).map(({ id }) => id)), before)
    assert.deepEqual((await ok('storage', 'burn', '--all-expired')).objectIds, [])
    await fails('USAGE', 2, 'storage', 'burn')
  })

  it("takes what Walrus's client has besides, by its names", async () => {
    const key = join(cwd, 'new.key')
    const made = await floe(
      cwd,
      [
        'generate-sui-wallet',
        '--path',
        key,
        '--use-faucet',
        '--sui-network',
        'testnet',
        '--network',
        'net/network.json',
      ],
      { program: REAL_FLOE },
    )
    assert.equal(made.code, 0, made.stderr)
    assert.equal((await stat(key)).mode & 0o777, 0o600)
    const mine = ['--wallet', key]
    const had = await ok('wallet', 'balance', ...mine)
    assert.ok(had.wal > 0)
    assert.equal((await ok('get-wal', '--amount', '1', ...mine)).balances.wal, 2 * had.wal)

    const nodes: Json[] = (await ok('info', 'committee')).members
    const ids = ['--node-ids', nodes[0].nodeId, nodes[1].nodeId]
    await ok('stake', ...ids, '--amounts', `${2 * WAL}`, ...mine)
    await ok('stake', ...ids, '--amounts', `${3 * WAL}`, `${4 * WAL}`, ...mine)
    const { stakes } = await ok('list-staked', ...mine)
    const of = (nodeId: string) => stakes.filter((stake: Json) => stake.nodeId === nodeId)
    const sums = nodes.slice(0, 2).map(({ nodeId }) =>
      of(nodeId)
        .map(({ principalFrost }: Json) => principalFrost / WAL)
        .sort(),
    )
    assert.deepEqual(sums, [
      [2, 3],
      [2, 4],
    ])
    await fails('USAGE', 2, 'stake', ...ids, '--amounts', '1', '1', '1')
    await fails('USAGE', 2, 'stake', nodes[0].nodeId)
    await fails('USAGE', 2, 'stake', nodes[0].nodeId, '1', '--node-ids', nodes[1].nodeId)

    const bft = await ok('info', 'bft')
    assert.deepEqual([bft.nShards, bft.maxFaulty, bft.quorum, bft.minCorrect], [100, 33, 67, 67])
    const all = await commandLine(cwd, ['info', 'all', '--network', 'net/network.json', '--json'])
    assert.equal(all.stdout.toString().trim().split('\n').length, 6)

    const { objectId } = await actors.blob(30, { epochs: 2, deletable: true })
    await actors.blob(31, { epochs: 2, deletable: false })
    await ok('attributes', 'set', objectId, 'a=b', 'c=d')
    await ok('remove-blob-attribute', objectId)
    assert.deepEqual((await ok('attributes', 'get', objectId)).attributes, {})
    await fails('USAGE', 2, 'burn', '--all')
    await fails('USAGE', 2, 'burn', '--all', '--all-expired', '--yes')
    await ok('burn-blobs', '--all', '--yes')
    assert.deepEqual((await ok('list-blobs', '--include-expired')).blobs, [])
  })

  it('asks the RPC that is named', async () => {
    assert.equal((await ok('info', 'epoch', '--rpc-url', localnet.ready.suiRpc)).epoch, 1)
    const { message } = await fails(
      'CHAIN_UNAVAILABLE',
      3,
      'wallet',
      'balance',
      '--rpc-url',
      'http://127.0.0.1:1',
    )
    assert.match(message, /127\.0\.0\.1:1\b/)
    await fails('USAGE', 2, 'wallet', 'balance', '--rpc-url', 'ftp://x')
  })

  it('does what it can of several, and ends with the first failure', async () => {
    const blob = await actors.blob(4, { epochs: 1, deletable: true })
    const args = ['burn', NOBODY, blob.objectId, '--network', 'net/network.json']
    const { code, stdout, stderr } = await floe(cwd, args, { program: REAL_FLOE })
    assert.deepEqual([code, stdout.toString()], [4, `Burned ${blob.objectId}\n`])
    assert.match(stderr, new RegExp(`^floe: ${NOBODY}: There is no Blob object`))
  })

  it('stakes, gives notice, and withdraws; a blob expires meanwhile', async () => {
    const blob = await actors.blob(5, { epochs: 1, deletable: true })
    const early = await ok('stake', 'node-01', '2.5')
    await fails('CHAIN_REJECTED', 8, 'stake', 'node-01', '0.5').then(({ message }) =>
      assert.equal(message, 'A stake is at least 1 WAL.'),
    )
    await fails('NOT_FOUND', 4, 'stake', 'node-99', '1')
    const notYet = await fails('CHAIN_REJECTED', 8, 'unstake', early.objectId)
    assert.match(notYet.hint, /floe withdraw/)
    await ok('withdraw', early.objectId)
    await fails('NOT_FOUND', 4, 'withdraw', early.objectId)

    const staked = await ok('stake', early.nodeId, '10')
    assert.equal(staked.principalFrost, 10 * WAL)
    await actors.nextEpoch()
    await fails('CHAIN_REJECTED', 8, 'withdraw', staked.objectId)
    const { state, feeFrost } = await ok('unstake', staked.objectId)
    assert.deepEqual([state, feeFrost], [{ kind: 'withdrawing', withdrawEpoch: 3 }, WAL / 10])
    await fails('CHAIN_REJECTED', 8, 'withdraw', staked.objectId)
    const { stakes } = await ok('list-staked')
    assert.deepEqual(
      stakes.map((stake: Json) => [stake.objectId, stake.nodeName, stake.feeFrost]),
      [[staked.objectId, 'node-01', WAL / 10]],
    )
    await actors.nextEpoch()
    const before = await ok('wallet', 'balance')
    const { balanceFrost } = await ok('withdraw', staked.objectId)
    const back = balanceFrost - before.wal
    assert.ok(back >= 9.9 * WAL && back < 10 * WAL, `${back} FROST came back`)

    const expired = await fails('EXPIRED', 8, 'extend', blob.objectId)
    assert.match(expired.message, /expired at epoch 2; it is epoch 3 now/)
    await fails('EXPIRED', 8, 'share', blob.objectId)
    assert.deepEqual((await ok('list-blobs')).hiddenExpired, 1)
    assert.equal((await ok('list-blobs', '--include-expired')).blobs.length, 1)

    await writeFile(join(cwd, 'file'), 'a file of which this wallet has stored nothing')
    const { details } = await fails('NOT_FOUND', 4, 'delete', '--file', join(cwd, 'file'))
    assert.match(details.blobId, /^[\w-]{43}$/)
    await fails('USAGE', 2, 'delete')
    await fails('USAGE', 2, 'burn')
    await fails('USAGE', 2, 'burn', blob.objectId, '--all-expired')
    // what has expired is in the way of burning alone
    const anew = await actors.blob(5, { epochs: 2, deletable: true })
    assert.equal((await ok('extend', blob.blobId)).objectId, anew.objectId)
    await fails('USAGE', 2, 'burn', blob.blobId)
    assert.equal((await ok('delete', blob.blobId)).objectId, anew.objectId)

    const renewed = await actors.blob(78, { epochs: 1, deletable: true })
    const watch = ['watch', 'renew', renewed.blobId, '--dir', join(cwd, 'watch'), '--once']
    const { costFrost } = await ok(...watch, '--budget', '1', '--epochs', '2')
    assert.equal((await actors.coordinator.blob(renewed.objectId))?.storage.endEpoch, 6)
    const spent = await fails(
      'INSUFFICIENT_FUNDS',
      6,
      ...watch,
      '--ahead',
      '5',
      '--budget',
      walOf(BigInt(costFrost)),
    )
    assert.match(spent.message, /and 0 WAL of the budget are left/)
    assert.equal((await actors.coordinator.blob(renewed.objectId))?.storage.endEpoch, 6)
    // a shared one by its funds, and by the budget what these lack
    const permanent = await actors.blob(79, { epochs: 2, deletable: false })
    const perEpoch = BigInt(costFrost) / 2n
    const { sharedBlob } = await ok('share', permanent.objectId, '--amount', walOf(perEpoch + 3n))
    const shared = [...watch.with(2, sharedBlob), '--ahead', '9', '--dir', join(cwd, 'shared')]
    const first = await ok(...shared, '--budget', walOf(1n))
    assert.deepEqual([first.costFrost, first.spentFrost], [0, 0])
    const second = await ok(...shared, '--budget', walOf(perEpoch))
    assert.deepEqual([second.costFrost, second.spentFrost], [Number(perEpoch) - 3, Number(perEpoch) - 3])
    assert.deepEqual(
      await actors.coordinator
        .sharedBlob(sharedBlob)
        .then(found => [found?.fundsFrost, found?.blob.storage.endEpoch]),
      [0n, permanent.storage.endEpoch + 2],
    )
    await fails('INSUFFICIENT_FUNDS', 6, ...shared, '--budget', walOf(perEpoch))
    await fails('EXPIRED', 8, ...watch.with(2, blob.objectId), '--budget', '1')
    await fails('NOT_FOUND', 4, ...watch.with(2, NOBODY), '--budget', '1')
    await ok('delete', renewed.objectId)
    const living = await actors.blob(77, { epochs: 3, deletable: true })
    assert.equal((await ok('burn', '--all-expired')).objectId, blob.objectId)
    const left = (await ok('list-blobs', '--include-expired')).blobs
    assert.deepEqual(
      left.map(({ id }: Json) => id),
      [living.objectId],
    )
    assert.equal((await ok('burn-blobs', '--object-ids', living.objectId, '--yes')).objectId, living.objectId)
  })

  it('keeps one folder to one process, stops cleanly and goes on where it was', async () => {
    const second = await runJsonApart(cwd, ['localnet', '--port', '0', '--dir', 'net'])
    assert.deepEqual([second.code, second.value.error.code], [9, 'DEVNET_LOCKED'])
    const { port } = new URL(localnet.ready.suiRpc)
    const taken = await runJsonApart(cwd, ['localnet', '--port', port, '--dir', 'other'])
    assert.deepEqual([taken.code, taken.value.error.code], [9, 'PORT_TAKEN'])

    const before = await ok('wallet', 'balance')
    const first = localnet
    assert.equal(await first.stop(), 0)
    assert.equal((await first.ended).stderr, '')
    const down = await fails('CHAIN_UNAVAILABLE', 3, 'wallet', 'balance')
    assert.match(down.hint, /floe localnet/)
    const other = await runJsonApart(cwd, [
      'localnet',
      '--port',
      '0',
      '--dir',
      'net',
      '--contract-version',
      '4',
    ])
    assert.deepEqual([other.code, other.value.error.code], [2, 'DEVNET_CONTRACT'])
    localnet = await startLocalnetProcess(cwd)
    for (const name of ['chainId', 'packageId', 'systemObjectId', 'stakingObjectId', 'walType']) {
      assert.equal(localnet.ready[name], first.ready[name], name)
    }
    assert.deepEqual(await ok('wallet', 'balance'), before)
    assert.equal((await ok('info', 'epoch')).epoch, 3)
  })
})
