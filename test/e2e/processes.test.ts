import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createLog } from '../../base/pino-log.ts'
import { type Devnet, startDevnet } from '../../node/devnet/devnet.ts'
import type { ProcessNode } from '../../node/devnet/devnet-node.ts'
import type { DevnetError } from '../../node/devnet/errors.ts'
import { commandLine } from '../support/command-line.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from './support/epochs.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'node', 'cli', 'main.ts')

/** One that nobody has asked how it ended is not. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  return /^[^Z\s]/.test(stdout)
}

describe('a devnet whose nodes have processes of their own', function () {
  this.timeout(240_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  before(async () => {
    folder = await temporaryFolder()
  })
  after(() => folder.remove())

  describe('in a test suite', () => {
    let devnet: Devnet<ProcessNode>
    const lines: { node: string; msg: string; code?: string }[] = []
    const said = (node: string, text: RegExp) =>
      until(`a line of ${node}: ${text}`, async () =>
        lines.find(one => one.node === node && text.test(one.msg)),
      )
    before(async () => {
      const log = createLog({ json: true, write: line => void lines.push(JSON.parse(line)) })
      devnet = await startDevnet({ nodes: 2, shards: 10, processes: true, dir: folder.path, log })
    })
    after(() => devnet?.close())

    it('serves; a node that was killed comes back with what it had', async () => {
      const { client, nodes, network } = devnet
      const pids = nodes.map(({ pid }) => pid!)
      assert.equal(new Set([...pids, process.pid]).size, 3)
      assert.ok(pids.every(isAlive))
      const data = randomBytes(30_000)
      const { blobId } = await client.store(data, { epochs: 2, deletable: true })
      const [node] = nodes as [ProcessNode]
      node.kill('SIGKILL')
      await said('node-00', /^node 00 ended: SIGKILL; it is started again$/)
      await node.start()
      assert.notEqual(node.pid, pids[0])
      const { status } = await fetch(`${network.peers[0]!.http}/v1/blobs/${blobId}/metadata`)
      assert.equal(status, 200)
      assert.deepEqual(Buffer.from((await client.read(blobId)).data), data)
    })

    it('a node that cannot start any more says why each time, and comes back when it can', async () => {
      const [node] = devnet.nodes as [ProcessNode]
      const keys = (name: string) => join(folder.path, 'nodes', name, 'keys', 'bls.key')
      const own = await readFile(keys('00'))
      await copyFile(keys('01'), keys('00'))
      node.kill('SIGTERM')
      await said('node-00', /^node 00 ended: exit code 0/)
      const failed = /did not start: .*bls\.key is not the key that the chain has.*it is started again/
      assert.equal((await said('node-00', failed)).code, 'KEY_MISMATCH')
      await writeFile(keys('00'), own)
      await node.start()
    })

    it('a node whose port was taken while it was stopped says which', async () => {
      const [, node] = devnet.nodes as [ProcessNode, ProcessNode]
      await node.stop()
      assert.equal(node.pid, undefined)
      const taken = createServer()
      const { port } = new URL(devnet.network.peers[1]!.http!)
      await once(taken.listen(Number(port), '127.0.0.1'), 'listening')
      await assert.rejects(node.start(), error => {
        const { code, message, details } = error as DevnetError<'DEVNET_NODE'>
        assert.deepEqual([code, details.code], ['DEVNET_NODE', 'EADDRINUSE'])
        assert.match(message, new RegExp(`node 01 did not start: .*${port}`))
        return true
      })
      await once(taken.close(), 'close')
    })
  })

  describe('by floe up', () => {
    let up: ChildProcess | undefined
    afterEach(() => {
      // what of the group is left
      if (up?.pid !== undefined) spawnSync('kill', ['-KILL', '--', String(-up.pid)])
    })
    const start = async () => {
      const args = [
        'up',
        '--processes',
        '--nodes',
        '2',
        '--shards',
        '10',
        '--port',
        '0',
        '--dir',
        folder.path,
      ]
      const child = spawn(process.execPath, [MAIN, ...args, '--json'], { detached: true })
      up = child
      const closed = once(child, 'close')
      let stderr = ''
      child.stderr.on('data', chunk => {
        stderr += chunk
      })
      const [line] = await Promise.race([
        once(createInterface(child.stdout), 'line'),
        closed.then(() => Promise.reject(new Error(stderr))),
      ])
      const { processes } = JSON.parse(line) as { processes: { name: string; pid: number }[] }
      assert.deepEqual(
        processes.map(({ name }) => name),
        ['node-00', 'node-01'],
      )
      return { child, closed, processes, stderr: () => stderr }
    }

    it('is well, and again when a node has died; leaves none behind when it is killed', async () => {
      const { child, processes, stderr } = await start()
      const health = () =>
        commandLine(folder.path, [
          'health',
          '--all',
          '--network',
          join(folder.path, 'network.json'),
          '--json',
        ])
      await until('all are well', async () => (await health()).code === 0)
      process.kill(processes[1]!.pid, 'SIGKILL')
      await until('it says so', async () => /ERROR node-01 node 01 ended: SIGKILL/.test(stderr()))
      await until('it is back', async () => /WARN {2}node-01 node started again pid=\d+/.test(stderr()))
      await until('all are well again', async () => (await health()).code === 0)
      child.kill('SIGKILL')
      const [, again] = /node started again pid=(\d+)/.exec(stderr())!
      const pids = [processes[0]!.pid, Number(again)]
      await until('all nodes have ended', async () => !pids.some(isAlive))
    })

    it('ends quietly by Ctrl-C, which reaches all of them', async () => {
      const { child, closed, stderr } = await start()
      process.kill(-child.pid!, 'SIGINT')
      await closed
      assert.deepEqual([child.exitCode, stderr().trim()], [0, ''])
    })
  })
})
