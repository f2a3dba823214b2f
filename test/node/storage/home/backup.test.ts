import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { connect, Server } from 'node:net'
import { join } from 'node:path'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { readNodeConfig, writeConfig } from '../../../../node/config.ts'
import { type BackupRequest, withStoppedStore, writeBackup } from '../../../../node/storage/home/backup.ts'
import { askForBackup, serveControl } from '../../../../node/storage/home/control.ts'
import { createNodeFolder, type NodeFolder, readFolderConfig } from '../../../../node/storage/home/folder.ts'
import { restoreBackup } from '../../../../node/storage/home/restore.ts'
import { checkNodeStore } from '../../../../node/storage/store/check/check-store.ts'
import { SCHEMA_KEY } from '../../../../node/storage/store/keys.ts'
import { encodeJson, openRecords } from '../../../../node/storage/store/records.ts'
import { SCHEMA_VERSION } from '../../../../node/storage/store/schema.ts'
import { type Cluster, startCluster } from '../../../support/cluster.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const SHARDS = 10
const unhurried = { clock: systemClock, log: silentLog() }

describe('a backup of a node', function () {
  this.timeout(60_000)
  let temporary: Awaited<ReturnType<typeof temporaryFolder>>
  let cluster: Cluster
  /** of the node that is backed up; its store is where the cluster has it */
  let folder: NodeFolder
  const at = (name: string) => join(temporary.path, name)
  before(async () => {
    temporary = await temporaryFolder()
    cluster = await startCluster({ shards: SHARDS })
    const networkFile = { path: at('network.json') }
    await writeConfig(networkFile.path, cluster.chain.network)
    const { network } = cluster.chain
    ;({ folder } = await createNodeFolder({ dir: at('node'), name: 'zero', network, networkFile, port: 7 }))
    const text = await readFile(folder.config, 'utf8')
    await writeFile(
      folder.config,
      text.replace('"store": "store"', `"store": ${JSON.stringify(cluster.storePath(0))}`),
    )
  })
  after(async () => {
    await cluster?.close()
    await temporary?.remove()
  })

  const store = async (bytes: number) => {
    const stored = await cluster.client.store(randomBytes(bytes), { epochs: 1, deletable: true })
    return stored.kind === 'newlyCreated' ? stored.blob : assert.fail()
  }
  const initOf = async () => ({
    folder,
    config: await readFolderConfig(folder),
    network: cluster.chain.network,
    nShards: SHARDS,
    clock: systemClock,
  })
  const request = (target: string, withKeys = true): BackupRequest => ({ target: at(target), withKeys })
  const backup = async (target: string, withKeys = true, signal?: AbortSignal) =>
    writeBackup(
      { ...(await initOf()), copyStore: cluster.nodes[0]!.copyStore, signal },
      request(target, withKeys),
    )
  const restore = (source: string, dir: string, repairs = false) =>
    restoreBackup({ source: at(source), dir: at(dir), repairs, ...unhurried })
  const check = (path: string) =>
    checkNodeStore(path, {
      network: cluster.chain.network.systemObjectId,
      nShards: SHARDS,
      repairs: false,
      isDeep: true,
      ...unhurried,
    })
  const leftIn = async (part: string) => (await readdir(temporary.path)).filter(name => name.includes(part))

  it('is whole, however much is stored and dropped meanwhile, and the node goes on', async () => {
    const { blobId: kept } = await store(30_000)
    const { deleteBlob } = cluster.chain.writer(cluster.chain.wallet)
    let isOver = false
    let stored = 0
    const busy = (async () => {
      for (; !isOver; stored++) {
        const { objectId } = await store(5_000)
        if (stored % 2 === 0) await deleteBlob(objectId)
      }
    })()
    const targets = ['busy-0', 'busy-1', 'busy-2']
    for (const target of targets) {
      const { store: copied } = await backup(target)
      assert.ok(copied.slivers > 0 && copied.linked === copied.packs)
    }
    isOver = true
    await busy
    assert.ok(stored > 0)
    for (const target of targets) {
      const { manifest, check: found } = await restore(target, `of-${target}`)
      assert.deepEqual([found.found, found.slivers], [{}, manifest.store.slivers])
      assert.deepEqual((await check(at(`of-${target}/store`))).found, {})
    }
    assert.equal((await cluster.client.read(kept)).data.length, 30_000)
    await cluster.stop(0)
    assert.deepEqual((await check(cluster.storePath(0))).found, {})
    await cluster.start(0)
    assert.deepEqual(await leftIn('.tmp'), [])
  })

  it('becomes a node that can be read anywhere, with keys or without', async () => {
    await writeFile(join(folder.keys, 'bls.next.key'), `${'1'.repeat(64)}\n`, { mode: 0o600 })
    await backup('moved')
    await backup('keyless', false)
    await restore('moved', 'elsewhere/moved')
    await mkdir(at('empty'))
    await restore('keyless', 'empty')
    for (const [dir, names] of [
      ['elsewhere/moved', (await readdir(folder.keys)).sort()],
      ['empty', []],
    ] as const) {
      assert.deepEqual((await readdir(at(`${dir}/keys`))).sort(), names)
      for (const name of names) {
        const key = at(`${dir}/keys/${name}`)
        assert.equal((await stat(key)).mode & 0o777, 0o600)
        assert.equal(await readFile(key, 'utf8'), await readFile(join(folder.keys, name), 'utf8'))
      }
      assert.equal((await stat(at(`${dir}/keys`))).mode & 0o777, 0o700)
      const config = await readNodeConfig(at(`${dir}/config.json`))
      assert.deepEqual([config.store, config.networkFile], ['store', 'network.json'])
      assert.match(await readFile(at(`${dir}/config.json`), 'utf8'), /^\/\/ A storage node of Floe/)
      assert.equal(config.network, cluster.chain.network.systemObjectId)
      assert.deepEqual((await readdir(at(dir))).sort(), ['config.json', 'keys', 'network.json', 'store'])
    }
  })

  it('is one only when it was finished: what a kill leaves is refused, and an error leaves nothing', async () => {
    const copyStore = cluster.nodes[0]!.copyStore
    const init = await initOf()
    const crash = async (name: string) => {
      const [temporary] = await leftIn('.tmp')
      await cp(at(temporary!), at(name), { recursive: true })
    }
    await writeBackup(
      {
        ...init,
        async copyStore(to, options) {
          await crash('crashed-before')
          const copied = await copyStore(to, options)
          await crash('crashed-after')
          return copied
        },
      },
      request('in-the-end'),
    )
    for (const source of ['crashed-before', 'crashed-after', 'nowhere'])
      await assert.rejects(restore(source, 'never'), { code: 'BACKUP_MALFORMED' })
    await restore('in-the-end', 'finished')
    const full = Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' })
    const failing = async (): Promise<never> => {
      throw full
    }
    await assert.rejects(writeBackup({ ...init, copyStore: failing }, request('failed')), full)
    const stop = AbortSignal.abort(new DOMException('enough', 'AbortError'))
    await assert.rejects(backup('stopped', true, stop), { name: 'AbortError' })
    assert.deepEqual([await leftIn('.tmp'), await leftIn('failed'), await leftIn('stopped')], [[], [], []])
  })

  it('neither takes the place of anything nor puts a node there', async () => {
    await backup('twice')
    await assert.rejects(backup('twice'), { code: 'BACKUP_TARGET_EXISTS' })
    await restore('twice', 'once')
    await assert.rejects(restore('twice', 'once'), { code: 'BACKUP_TARGET_EXISTS' })
    await writeFile(at('a-file'), 'mine')
    await assert.rejects(restore('twice', 'a-file'))
    assert.equal(await readFile(at('a-file'), 'utf8'), 'mine')
    assert.deepEqual(await leftIn('.tmp'), [])
  })

  it('is refused when it is of a later version or another network, and not taken for right when it is not', async () => {
    await store(10_000)
    await backup('changed')
    const manifest = await readFile(at('changed/backup.json'), 'utf8')
    const write = (value: object) =>
      writeFile(at('changed/backup.json'), JSON.stringify({ ...JSON.parse(manifest), ...value }))
    await write({ schemaVersion: 2 })
    await assert.rejects(restore('changed', 'never'), { code: 'BACKUP_NEWER' })
    await write({ network: '0x2' })
    await assert.rejects(restore('changed', 'never'), { code: 'CONFIG_FOREIGN' })
    for (const wrong of [{ nShards: 'many' }, { store: null }, { schemaVersion: null }]) {
      await write(wrong)
      await assert.rejects(restore('changed', 'never'), { code: 'BACKUP_MALFORMED' })
    }
    await write({})
    const schema = (value: object) => commit('changed', SCHEMA_KEY, value)
    const network = cluster.chain.network.systemObjectId
    await schema({ schemaVersion: 99, network })
    await assert.rejects(restore('changed', 'never'), { code: 'STORE_NEWER' })
    await schema({ schemaVersion: SCHEMA_VERSION, network: '0x2' })
    await assert.rejects(restore('changed', 'never'), { code: 'STORE_FOREIGN' })
    await schema({ schemaVersion: SCHEMA_VERSION, network })
    const [pack] = await packsOf('changed')
    // the node's own file is the same
    const bytes = await readFile(pack!)
    await rm(pack!)
    bytes[bytes.length - 1]! ^= 1
    await writeFile(pack!, bytes)
    await assert.rejects(restore('changed', 'never'), (error: Error & { code: string; details: object }) => {
      assert.equal(error.code, 'BACKUP_DAMAGED')
      assert.match(JSON.stringify(error.details), /"altered":\{"count":1/)
      return true
    })
    assert.deepEqual([await leftIn('never'), await leftIn('.tmp')], [[], []])
    assert.equal((await restore('changed', 'mended', true)).check.found.altered?.count, 1)
    assert.deepEqual((await check(at('mended/store'))).found, {})
  })

  const commit = async (name: string, key: string, value: object) => {
    const records = await openRecords(at(`${name}/store/index`), systemClock)
    await records.commit([{ type: 'put', key, value: encodeJson(value) }])
    await records.close()
  }
  const packsOf = async (name: string) => {
    const entries = await readdir(at(`${name}/store/slivers`), { recursive: true, withFileTypes: true })
    return entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  }

  it('is made of a node that does not run, too, but not while somebody has its store', async () => {
    const path = cluster.storePath(0)
    const network = cluster.chain.network.systemObjectId
    const stopped = async (target: string) => {
      const init = await initOf()
      return withStoppedStore(path, network, systemClock, copyStore =>
        writeBackup({ ...init, copyStore }, request(target)),
      )
    }
    await assert.rejects(stopped('locked'), { code: 'STORE_LOCKED' })
    await cluster.stop(0)
    const { store: copied } = await stopped('asleep')
    await cluster.start(0)
    assert.equal((await restore('asleep', 'awake')).check.slivers, copied.slivers)
  })

  describe('that a running node is asked for', () => {
    type Backup = Parameters<typeof serveControl>[1]['backup']
    const prepareNetworkKey = () => assert.fail('nobody asked for a key')
    const status = () => assert.fail('nobody asked how it is')
    let end: (() => Promise<void>) | undefined
    const serve = async (backup: Backup) => {
      end = await serveControl(folder.dir, { backup, prepareNetworkKey, status }, unhurried)
    }
    afterEach(async () => {
      await end?.()
      end = undefined
    })
    const own: Backup = async (request, options) =>
      writeBackup({ ...(await initOf()), copyStore: cluster.nodes[0]!.copyStore, ...options }, request)
    const asked = (target: string, signal?: AbortSignal) =>
      askForBackup(folder.dir, request(target), { clock: systemClock, signal, onProgress: () => {} })

    it('is made by it, for nobody but its user', async () => {
      assert.equal(await asked('nobody'), undefined)
      await serve(own)
      const socket = join(folder.dir, 'run', 'control.sock')
      assert.equal((await stat(socket)).mode & 0o777, 0o600)
      assert.equal((await stat(join(folder.dir, 'run'))).mode & 0o777, 0o700)
      const manifest = await asked('asked')
      assert.equal((await restore('asked', 'answered')).check.slivers, manifest?.store.slivers)
      await assert.rejects(asked('asked'), { code: 'BACKUP_TARGET_EXISTS' })
    })

    it('does not end the node when a request cannot be accepted', async () => {
      const { listen } = Server.prototype
      let server: Server | undefined
      Server.prototype.listen = function (this: Server, ...args: unknown[]) {
        server = this
        return listen.apply(this, args as Parameters<typeof listen>)
      } as typeof listen
      try {
        await serve(own)
      } finally {
        Server.prototype.listen = listen
      }
      server!.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }))
      await asked('after all')
    })

    it('is given up when nobody waits for it, or the node stops', async () => {
      const ended = Promise.withResolvers<void>()
      let onBegun = (): void => {}
      const begun = new Promise<void>(resolve => {
        onBegun = resolve
      })
      await serve(async (_, { signal }) => {
        onBegun()
        await once(signal, 'abort')
        ended.resolve()
        throw signal.reason
      })
      const stop = new AbortController()
      const asking = asked('given-up', stop.signal)
      await begun
      await assert.rejects(asked('second'), { code: 'BACKUP_BUSY' })
      stop.abort(new DOMException('enough', 'AbortError'))
      await assert.rejects(asking, { name: 'AbortError' })
      await ended.promise
      const beginning = new Promise<void>(resolve => {
        onBegun = resolve
      })
      const told = assert.rejects(asked('ended'), { code: 'BACKUP_FAILED', message: /the node stops/ })
      await beginning
      await end!()
      await told
    })

    it('tells why it could not', async () => {
      await serve(async () => {
        throw Object.assign(new Error('there is no room'), { code: 'ENOSPC' })
      })
      await assert.rejects(asked('full'), { code: 'BACKUP_FAILED', message: /there is no room/ })
    })

    it('is not made for what is no request', async () => {
      await serve(own)
      const path = join(folder.dir, 'run', 'control.sock')
      for (const line of [
        'nonsense',
        '{}',
        '{"backup":{"target":"relative","withKeys":true}}',
        '{"prepareNetworkKey":{"port":0}}',
        '{"prepareNetworkKey":{"port":"7"}}',
        'x'.repeat(70_000),
      ]) {
        const socket = connect(path)
        socket.on('error', () => {})
        socket.write(`${line}\n`)
        let text = ''
        for await (const chunk of socket) text += chunk
        assert.match(text, /^\{"error":\{"code":"(NODE_FAILED|UNEXPECTED)"/)
      }
      assert.ok((await asked('after-all')) !== undefined)
    })

    it('goes on over the socket that a killed node has left', async () => {
      await serve(own)
      await end!()
      await writeFile(join(folder.dir, 'run', 'control.sock'), '')
      assert.equal(await asked('left'), undefined)
      await serve(own)
      assert.ok((await asked('left-over')) !== undefined)
    })
  })
})
