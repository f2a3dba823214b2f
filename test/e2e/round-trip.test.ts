import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLog } from '../../base/log.ts'
import { type Devnet, startDevnet } from '../../node/devnet/devnet.ts'
import { officialEncode } from '../codec/support/official.ts'
import { commandLine } from '../support/command-line.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { cli } from './support/cli.ts'

const MIB = 1024 * 1024

describe('one blob, end to end', function () {
  this.timeout(120_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let devnet: Devnet
  let network: string[]
  before(async () => {
    folder = await temporaryFolder()
    devnet = await startDevnet({ dir: folder.path, port: 0, log: silentLog() })
    network = ['--network', join(folder.path, 'network.json')]
  })
  after(async () => {
    await devnet?.close()
    await folder?.remove()
  })

  for (const [size, name] of [
    [0, '0 bytes'],
    [1, '1 byte'],
    [100 * 1024, '100 KiB'],
    [20 * MIB, '20 MiB'],
  ] as const) {
    it(`${name} round-trip through the command line and the gateway under Walrus's blob ID`, async () => {
      const file = join(folder.path, `file-${size}`)
      // the larger ones in processes, where pipes and memory matter
      const floe = (args: string[]) => (size > 1 ? cli(args) : commandLine(folder.path, args))
      for (const way of ['cli', 'gateway'] as const) {
        const data = randomBytes(size)
        await writeFile(file, data)
        const { blobId } = officialEncode(data, 100)
        if (way === 'cli') {
          const stored = await floe(['store', file, '--json', ...network])
          assert.equal(stored.code, 0, stored.stderr)
          assert.equal(JSON.parse(stored.stdout.toString()).blobId, blobId)
        } else {
          const answer = await fetch(`${devnet.gatewayUrl}/v1/blobs?epochs=1`, { method: 'PUT', body: data })
          assert.equal(answer.status, 200)
          const { newlyCreated, alreadyCertified } = (await answer.json()) as Record<
            string,
            { blobId?: string; blobObject?: { blobId: string; size: number; deletable: boolean } }
          >
          assert.equal(newlyCreated?.blobObject?.blobId ?? alreadyCertified?.blobId, blobId)
        }
        const read = await floe(['read', blobId, ...network])
        assert.equal(read.code, 0, read.stderr)
        assert.ok(read.stdout.equals(data))
        const got = await fetch(`${devnet.gatewayUrl}/v1/blobs/${blobId}`)
        assert.equal(got.status, 200)
        assert.ok(Buffer.from(await got.arrayBuffer()).equals(data))
        const fromClient = await devnet.client.read(blobId as never)
        assert.ok(Buffer.from(fromClient.data).equals(data))
      }
    })
  }

  it("tells a deleted blob from one that never was, and deletes a file's", async () => {
    const file = join(folder.path, 'deleted')
    await writeFile(file, randomBytes(1000))
    const floe = (...args: string[]) => commandLine(folder.path, [...args, ...network])
    const statusOf = async () => {
      const { code, stdout } = await floe('status', '--file', file)
      return [code, /status +(.*)\n/.exec(stdout.toString())?.[1]]
    }
    assert.deepEqual(await statusOf(), [4, 'unknown to this network'])
    assert.equal((await floe('store', file)).code, 0)
    assert.deepEqual(await statusOf(), [0, 'stored and certified'])
    const deleted = await floe('delete', '--file', file)
    assert.equal(deleted.code, 0, deleted.stderr)
    assert.deepEqual(await statusOf(), [4, 'not stored any more'])
  })

  it('gives a new wallet SUI and WAL from the faucet', async () => {
    const recipient = `0x${randomBytes(32).toString('hex')}`
    const answer = await fetch(`${devnet.network.faucet}/v2/gas`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ FixedAmountRequest: { recipient } }),
    })
    assert.ok(answer.ok)
    const { createCoordinator } = await import('../../chain/index.ts')
    const coordinator = createCoordinator(devnet.network)
    const { sui, wal } = await coordinator.balances(recipient as never)
    await coordinator.close()
    assert.ok(sui > 0n && wal > 0n)
  })

  it('keeps every key in a file of its own that only the owner may read', async () => {
    for (const node of ['00', '12']) {
      const texts = new Set<string>()
      for (const key of ['sui', 'bls', 'network']) {
        const path = join(folder.path, 'nodes', node, 'keys', `${key}.key`)
        assert.equal((await stat(path)).mode & 0o777, 0o600)
        texts.add(await readFile(path, 'utf8'))
      }
      assert.equal(texts.size, 3)
    }
    assert.equal((await stat(join(folder.path, 'keys', 'user.sui.key'))).mode & 0o777, 0o600)
  })
})
