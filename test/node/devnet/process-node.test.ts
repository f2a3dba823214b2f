import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createLog } from '../../../base/pino-log.ts'
import { isRunning } from '../../../base/processes.ts'
import { parseObjectId } from '../../../codec/index.ts'
import type { ProcessNode } from '../../../node/devnet/devnet-node.ts'
import type { DevnetError } from '../../../node/devnet/errors.ts'
import { createProcessNode } from '../../../node/devnet/process-node.ts'
import { startLimited } from '../../support/limited-process.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const UP = `process.send({ kind: 'up' })`
const OBEYS = `process.on('message', () => process.exit(0))`

describe('a node in a process of its own', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let clock: VirtualClock
  let node: ProcessNode
  let said: { level: string; msg: string; code?: string; retryMs?: number; blobs?: number }[]
  let heard: () => void
  beforeEach(async () => {
    folder = await temporaryFolder()
    clock = new VirtualClock()
    said = []
    heard = () => undefined
  })
  afterEach(async () => {
    node.kill('SIGKILL')
    await node.stop()
    await folder.remove()
  })

  const run = async (program: string) => {
    const path = join(folder.path, 'program.mjs')
    await writeFile(path, program)
    const log = createLog({
      level: 'debug',
      json: true,
      write(line) {
        said.push(JSON.parse(line))
        heard()
      },
    })
    node = createProcessNode({
      name: '03',
      nodeId: parseObjectId('0x3'),
      orders: { dir: folder.path, logLevel: 'info', driveEpochs: true },
      program: pathToFileURL(path),
      clock,
      random: () => 0,
      log,
    })
  }
  /** The line that the log has, or gets, with this text. */
  const line = async (text: RegExp, after = 0) => {
    for (;;) {
      const found = said.slice(after).find(({ msg }) => text.test(msg))
      if (found !== undefined) return found
      await new Promise<void>(resolve => {
        heard = resolve
      })
    }
  }

  it('that cannot be begun for want of file descriptors says so', async function () {
    this.timeout(30_000)
    await run(UP)
    const limited = await startLimited(new URL('limited-start.ts', import.meta.url), 96)
    assert.equal(await limited.stop(), 0)
    assert.match(limited.lines.join(), /^DEVNET_NODE node 03 did not start: spawn .+ EMFILE$/)
  })

  it('is told what to do, and its log lines are the log’s', async () => {
    await run(`
      const { dir } = JSON.parse(process.argv[2])
      console.error(JSON.stringify({ level: 'warn', time: 'then', node: 'x', blobs: 7, msg: dir }))
      ${OBEYS}
      ${UP}`)
    await node.start()
    assert.ok(isRunning(node.pid!))
    const { level, blobs } = await line(new RegExp(folder.path))
    assert.deepEqual([level, blobs], ['warn', 7])
    await node.stop()
    assert.equal(node.pid, undefined)
    assert.deepEqual(said.map(({ msg }) => msg).at(-1), 'node started')
  })

  it('that does not start says why, by what it told or by its last words, and is not tried again', async () => {
    await run(
      `process.send({ kind: 'failed', code: 'KEY_MISMATCH', message: 'another key' }, () => process.exit(1))`,
    )
    const told = { name: 'DevnetError', code: 'DEVNET_NODE', message: 'node 03 did not start: another key' }
    await assert.rejects(node.start(), error => {
      const { name, code, message, details } = error as DevnetError<'DEVNET_NODE'>
      assert.deepEqual({ name, code, message }, told)
      assert.deepEqual([details.node, details.code], ['03', 'KEY_MISMATCH'])
      return true
    })
    await run(`throw new TypeError('broken')`)
    await assert.rejects(node.start(), { message: /node 03 did not start: exit code 1, TypeError: broken/ })
    assert.equal(clock.waiting, 0)
    await run(`${OBEYS}\n${UP}`)
    await node.start()
  })

  it('that dies each time is started again, later each time, and at once when it had run for a while', async () => {
    await run(`${UP}\nprocess.once('message', () => undefined)`)
    await node.start()
    const pids = new Set<number>()
    const pauses: number[] = []
    for (let i = 0; i < 4; i++) {
      pids.add(node.pid!)
      const before = said.length
      node.kill('SIGKILL')
      const { code, msg, retryMs } = await line(/ended/, before)
      assert.deepEqual([code, msg], ['SIGKILL', 'node 03 ended: SIGKILL; it is started again'])
      pauses.push(retryMs!)
      await clock.advance(retryMs! - 1)
      assert.equal(node.pid, undefined)
      await clock.advance(1)
      await node.start()
    }
    assert.equal(pids.size, 4)
    assert.deepEqual(pauses, [200, 400, 800, 1600])
    await clock.advance(11_000)
    const before = said.length
    node.kill('SIGKILL')
    assert.equal((await line(/ended/, before)).retryMs, 200)
  })

  it('that is stopped while it waits to be started again stays so, and who waits for it hears', async () => {
    await run(UP)
    await node.start()
    await line(/ended: exit code 0/)
    const starting = node.start()
    await Promise.all([assert.rejects(starting, { name: 'AbortError' }), node.stop()])
    assert.equal(clock.waiting, 0)
  })

  it('that is started while it stops is another one then, unless it is stopped once more', async () => {
    await run(`${OBEYS}\n${UP}`)
    await node.start()
    const { pid } = node
    const stopping = node.stop()
    await node.start()
    assert.ok(node.pid !== undefined && node.pid !== pid)
    await stopping
    const ending = [node.stop(), assert.rejects(node.start(), { name: 'AbortError' })]
    await Promise.all([...ending, node.stop()])
    assert.equal(node.pid, undefined)
  })

  it('that does not stop is killed after 15 s, one that never comes up after 2 min', async () => {
    await run(`${UP}\nprocess.on('message', () => process.send({ kind: 'up' }))`)
    await node.start()
    const { pid } = node
    const stopping = node.stop()
    await clock.advance(14_999)
    assert.ok(isRunning(pid!))
    await clock.advance(1)
    await stopping
    assert.ok(!isRunning(pid!))
    await line(/did not stop, and is killed/)
    await run(`setInterval(() => undefined, 1000)`)
    const starting = node.start()
    await Promise.all([assert.rejects(starting, { message: /not up within 120 s/ }), clock.advance(120_000)])
  })

  for (const moment of ['at once', 'while it starts']) {
    it(`ends when its devnet is killed ${moment}`, async () => {
      await run(UP)
      const config = join(folder.path, 'config.json')
      execFileSync('mkfifo', [config])
      const program = join(import.meta.dirname, '..', '..', '..', 'node', 'devnet', 'node-program.ts')
      const orders = JSON.stringify({ dir: folder.path, logLevel: 'info' })
      const parent = join(folder.path, 'parent.mjs')
      await writeFile(
        parent,
        `import { fork } from 'node:child_process'
         fork(${JSON.stringify(program)}, [${JSON.stringify(orders)}])
         ${moment === 'at once' ? "process.kill(process.pid, 'SIGKILL')" : ''}`,
      )
      const starting = spawn(process.execPath, [parent])
      // both have this standard output: it is closed when both are gone
      const gone = once(starting, 'close')
      if (moment === 'at once') return void (await gone)
      // opens as soon as the node reads its config, which never ends
      const writer = await open(config, 'w')
      starting.kill('SIGKILL')
      await gone
      await writer.close()
    })
  }
})
