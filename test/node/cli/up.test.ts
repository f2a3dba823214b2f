import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { ask, reasonOf } from '../../support/http.ts'
import { floe, networkFolder, REAL_FLOE, spawnFloe } from './support.ts'

/** The output so far, once it matches. */
async function until(stream: Readable, pattern: RegExp): Promise<string> {
  let text = ''
  for (;;) {
    const [chunk] = await once(stream, 'data')
    text += chunk
    if (pattern.test(text)) return text
  }
}

describe('floe up', function () {
  this.timeout(60_000) // processes, on a machine that may be busy
  let cwd: string
  let remove: () => Promise<void>
  beforeEach(async () => {
    ;({ path: cwd, remove } = await networkFolder())
  })
  // what a test that has failed left running would keep the suite from ending
  const running: ReturnType<typeof spawnFloe>['child'][] = []
  afterEach(async () => {
    for (const child of running.splice(0)) child.kill('SIGKILL')
    await remove()
  })
  const spawnUp = (...[folder, args, env]: Parameters<typeof spawnFloe>) => {
    const spawned = spawnFloe(folder, args, env)
    running.push(spawned.child)
    return spawned
  }

  it('tells people where everything is, and commands that work as they stand', async () => {
    const { child, ended } = spawnUp(cwd, ['up', '--port', '0', '--nodes', '4'])
    const text = await until(child.stdout!, /Ctrl-C/)
    const gateway = /Gateway +(http:\S+)/.exec(text)?.[1]
    assert.ok(gateway)
    assert.match(text, /Floe is up: 4 storage nodes, 100 shards, ready in /)
    assert.match(text, /Sui RPC +http:\S+\n +Faucet +http:\S+/)
    const [, greeting, blobId] =
      /echo '(.*)' \| npx floe store -[\s\S]*npx floe read (\S+)\n/.exec(text) ?? []
    const { stdout } = await floe(cwd, ['blob-id', '-', '--shards', '100'], { input: `${greeting}\n` })
    assert.equal(stdout.toString().trim(), blobId)
    assert.ok(text.includes(`curl ${gateway}/v1/blobs/${blobId}`))
    assert.equal((await fetch(`${gateway}/v1/health`)).status, 200)
    child.kill('SIGTERM')
    assert.equal((await ended).code, 0)
  })

  it('says that it publishes for everybody, where others reach it', async () => {
    const { child, ended } = spawnUp(cwd, ['up', '--port', '0', '--host', '0.0.0.0'])
    const text = await until(child.stdout!, /Ctrl-C/)
    assert.match(text, /publishes for everybody who reaches it: it listens on 0\.0\.0\.0/)
    const [, url] = /curl (http:\S+)\/v1\/blobs\/\S+/.exec(text) ?? []
    assert.equal(new URL(url!).hostname, '127.0.0.1')
    assert.equal((await fetch(`${url}/v1/health`)).status, 200)
    child.kill('SIGTERM')
    assert.equal((await ended).code, 0)
  })

  it('takes names, origins and tokens for its gateway, as gateway run does', async () => {
    await writeFile(join(cwd, 'key'), 'a secret of thirty-two characters')
    const names = ['--host-name', 'host.docker.internal', '--allow-origin', 'https://app.example']
    const tokens = ['--publish', 'jwt', '--jwt-key', 'key', '--sub-wallets', '2']
    const { child, ended } = spawnUp(cwd, ['up', '--port', '0', '--json', ...names, ...tokens])
    const { gateway } = JSON.parse(await until(child.stdout!, /\n/))
    const put = (headers: Record<string, string>) =>
      ask(`${gateway}/v1/blobs`, { method: 'PUT', body: Buffer.from('Hello'), headers })
    const host = `host.docker.internal:${new URL(gateway).port}`
    assert.equal(reasonOf(await put({ host })), 'TOKEN_MISSING')
    assert.equal(reasonOf(await put({ origin: 'https://app.example' })), 'TOKEN_MISSING')
    assert.equal(reasonOf(await put({ origin: 'https://other.example' })), 'FORBIDDEN_ORIGIN')
    child.kill('SIGTERM')
    assert.equal((await ended).code, 0)
    for (const args of [
      ['--publish', 'jwt'],
      ['--jwt-key', 'key'],
      ['--sub-wallets', '100'],
    ])
      assert.equal((await floe(cwd, ['up', ...args])).code, 2, args.join(' '))
  })

  it('prints one JSON line and nothing else for programs', async () => {
    const { child, ended } = spawnUp(cwd, ['up', '--port', '0', '--json'])
    const line = await until(child.stdout!, /\n/)
    child.kill('SIGINT')
    const { code, stdout, stderr } = await ended
    assert.deepEqual([code, stderr], [0, ''])
    assert.equal(stdout.toString(), line)
    const ready = JSON.parse(line)
    assert.deepEqual(Object.keys(ready), [
      'gateway',
      'suiRpc',
      'faucet',
      'systemObjectId',
      'stakingObjectId',
      'walType',
      'peers',
    ])
    assert.equal(ready.suiRpc, 'http://127.0.0.1:1')
    assert.equal(ready.peers.length, 13)
  })

  it('ends, and says why, when the system lets it open too few files', async () => {
    const line = 'ulimit -n 150; exec "$0" "$1" up --port 0 --dir new --json'
    const child = spawn('bash', ['-c', line, process.execPath, REAL_FLOE], { cwd })
    let stderr = ''
    child.stderr.on('data', chunk => {
      stderr += chunk
    })
    const [code] = await once(child, 'close')
    const { error } = JSON.parse(stderr.trim().split('\n').at(-1)!)
    assert.deepEqual([code, error.code], [1, 'DEVNET_FILES'])
    assert.deepEqual(error.details, { limit: 150, needed: 480 })
    assert.match(error.hint, /ulimit -n 4096/)
  })

  it('names a port that is taken', async () => {
    const { child, ended } = spawnUp(cwd, ['up', '--port', '0', '--json'])
    const { gateway } = JSON.parse(await until(child.stdout!, /\n/))
    const { port } = new URL(gateway)
    const second = await floe(cwd, ['up', '--port', port])
    assert.equal(second.code, 9)
    assert.match(second.stderr, new RegExp(`Port ${port} is already in use`))
    child.kill('SIGTERM')
    await ended
  })

  it('is ended by a second signal when stopping hangs', async () => {
    const { child, ended } = spawnUp(cwd, ['up', '--port', '0'], { FAKE_FLOE_HANG: '1' })
    await until(child.stdout!, /Ctrl-C/)
    child.kill('SIGINT')
    await until(child.stderr!, /Stopping/)
    child.kill('SIGINT')
    assert.equal((await ended).code, 130)
  })

  it('refuses fewer shards than nodes', async () => {
    const { code, stderr } = await floe(cwd, ['up', '--nodes', '13', '--shards', '12'])
    assert.equal(code, 2)
    assert.match(stderr, /13 nodes need at least as many shards/)
  })

  it('refuses epochs of less than 10 s, and what is no length of time', async () => {
    const { code, stderr } = await floe(cwd, ['up', '--epoch', 'soon'])
    assert.equal(code, 2)
    assert.match(stderr, /seconds, minutes, hours or days: 30s, 2m, 1h, 7d/)
    const child = spawn(process.execPath, [REAL_FLOE, 'up', '--port', '0', '--dir', 'new', '--epoch', '3s'], {
      cwd,
    })
    const closed = once(child, 'close')
    await until(child.stderr, /Epochs last at least 10s, not 3s/)
    assert.equal((await closed)[0], 2)
  })
})
