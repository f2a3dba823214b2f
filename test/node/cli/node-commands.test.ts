import assert from 'node:assert/strict'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../base/clock.ts'
import { silentLog } from '../../../base/log.ts'
import { readNodeConfig } from '../../../node/config.ts'
import { openNodeStore } from '../../../node/storage/store/node-store.ts'
import { floe, networkFolder } from './support.ts'

describe('floe node', function () {
  this.timeout(60_000) // processes, on a machine that may be busy
  let cwd: string
  let remove: () => Promise<void>
  beforeEach(async () => {
    ;({ path: cwd, remove } = await networkFolder())
  })
  afterEach(() => remove())
  const failing = async (args: string[]) => {
    const { code, stderr } = await floe(cwd, [...args, '--json'])
    const { error } = JSON.parse(stderr)
    assert.equal(error.exitCode, code)
    return error as { code: string; message: string; hint?: string }
  }

  it('init makes keys and a config that can be read', async () => {
    const { code, stderr, stdout } = await floe(cwd, ['node', 'init'])
    assert.equal(code, 0, stderr)
    assert.match(stdout.toString(), /floe node register --dir \.floe-node --stake/)
    const config = await readNodeConfig(join(cwd, '.floe-node', 'config.json'))
    assert.equal(config.networkFile, join('..', '.floe', 'network.json'))
    const byTcp = ['/ip4/127.0.0.1/tcp/31500', '/ip4/127.0.0.1/tcp/31503/ws']
    assert.deepEqual(config.announce, [...byTcp, '/ip4/127.0.0.1/udp/31500/webrtc-direct'])
    assert.equal((await floe(cwd, ['node', 'init', '--dir', 'plain', '--no-webrtc'])).code, 0)
    const plain = await readNodeConfig(join(cwd, 'plain', 'config.json'))
    assert.deepEqual([plain.listen, plain.announce], [byTcp, byTcp])
    for (const key of ['sui.key', 'bls.key', 'network.key'])
      assert.equal((await stat(join(cwd, '.floe-node', 'keys', key))).mode & 0o777, 0o600)
    assert.equal((await failing(['node', 'init', '--dir', 'n', '--host', 'a b'])).code, 'USAGE')
  })

  it('init overwrites neither a config nor a key, and makes no key for a node that has lost one', async () => {
    assert.equal((await floe(cwd, ['node', 'init', '--dir', 'n'])).code, 0)
    const files = ['config.json', 'keys/sui.key', 'keys/bls.key'].map(name => join(cwd, 'n', name))
    const read = () => Promise.all(files.map(file => readFile(file, 'utf8')))
    const before = await read()
    const error = await failing(['node', 'init', '--dir', 'n', '--name', 'other'])
    assert.equal(error.code, 'FILE_EXISTS')
    assert.match(error.hint!, /floe node register/)
    const [, sui] = files
    await rename(sui!, `${sui}.aside`)
    assert.equal((await failing(['node', 'init', '--dir', 'n'])).code, 'FILE_EXISTS')
    assert.equal((await failing(['node', 'register', '--dir', 'n'])).code, 'KEY_MISSING')
    await rename(`${sui}.aside`, sui!)
    await rm(files[0]!)
    assert.equal((await floe(cwd, ['node', 'init', '--dir', 'n'])).code, 0)
    assert.deepEqual((await read()).slice(1), before.slice(1))
  })

  it('says what to do without a node, with a config of a later version, and with an address that is none', async () => {
    const none = await failing(['node', 'register', '--dir', 'none'])
    assert.deepEqual([none.code, /floe node init/.test(none.hint!)], ['CONFIG_MISSING', true])
    assert.equal((await failing(['node', 'register', '--commission', '101'])).code, 'USAGE')
    assert.equal((await failing(['node', 'register', '--stake', 'much'])).code, 'USAGE')
    assert.equal((await floe(cwd, ['node', 'init', '--dir', 'n'])).code, 0)
    const path = join(cwd, 'n', 'config.json')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace('"schemaVersion": 2', '"schemaVersion": 3'))
    assert.equal((await failing(['node', 'register', '--dir', 'n'])).code, 'CONFIG_NEWER')
    await writeFile(path, text.replace('"listen": [', '"listen": ["tcp",'))
    assert.match((await failing(['node', 'register', '--dir', 'n'])).message, /see its "listen"/)
  })

  it('check tells what is wrong with a store by its exit code, and repairs it when told to', async () => {
    assert.equal((await floe(cwd, ['node', 'init', '--dir', 'n'])).code, 0)
    const check = async (...args: string[]) => {
      const { code, stdout, stderr } = await floe(cwd, ['node', 'check', '--dir', 'n', ...args])
      assert.equal(stderr, '')
      return { code, text: stdout.toString() }
    }
    assert.deepEqual(await check(), { code: 0, text: 'All is right: 0 slivers, 0 bytes, in 0 files\n' })
    const { network } = await readNodeConfig(join(cwd, 'n', 'config.json'))
    const path = join(cwd, 'n', 'store')
    const store = await openNodeStore({ path, network, nShards: 10, clock: systemClock, log: silentLog() })
    const locked = await failing(['node', 'check', '--dir', 'n'])
    assert.deepEqual([locked.code, /stop it/.test(locked.hint!)], ['STORE_LOCKED', true])
    await store.close()
    await mkdir(join(path, 'slivers', 'ab'))
    await writeFile(join(path, 'slivers', 'ab', 'c\u001b[31md'), 'strange')
    const { code, text } = await check()
    assert.equal(code, 7)
    assert.match(text, /files are known to no record: 1\n {2}ab\/c.+d\n/)
    assert.ok(!text.includes('\u001b'))
    assert.match(text, /floe node check --repair --dir n/)
    const repaired = await check('--repair', '--json')
    const { isMended, found } = JSON.parse(repaired.text)
    assert.deepEqual([repaired.code, isMended, found.stray.count], [0, true, 1])
  })
})
