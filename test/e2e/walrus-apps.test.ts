import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { temporaryFolder } from '../support/temporary.ts'

const root = join(import.meta.dirname, '..', '..')
const BLOCK = /^```(\w+) (\S+)\n([\s\S]*?)^```$/gm

interface Snippet {
  language: string
  /** of the file, or what is to be done with it: start, run, ci */
  name: string
  text: string
}

describe('the page for developers of Walrus apps', function () {
  this.timeout(120_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let app: string
  let snippets: Snippet[]
  const running = new Set<ChildProcess>()
  const named = (name: string) => snippets.filter(snippet => snippet.name === name).map(({ text }) => text)

  before(async () => {
    const page = await readFile(join(root, 'docs', 'walrus-apps.md'), 'utf8')
    snippets = [...page.matchAll(BLOCK)].map(([, language = '', name = '', text = '']) => ({
      language,
      name,
      text,
    }))
    assert.equal(snippets.length, [...page.matchAll(/^```/gm)].length / 2, 'every block says what it is')
    folder = await temporaryFolder()
    app = join(folder.path, 'app')
    await mkdir(app)
    await symlink(root, join(folder.path, 'floe'), 'dir')
    await symlink(join(root, 'node_modules'), join(app, 'node_modules'), 'dir')
    for (const { language, name, text } of snippets) {
      if (language === 'js') await writeFile(join(app, name), text)
    }
  })
  afterEach(async () => {
    await Promise.all(
      [...running].map(async child => {
        const ended = once(child, 'close')
        // the shell and what it started
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT')
        await ended
      }),
    )
  })
  after(() => folder?.remove())

  /** In the app's folder, with the Node that runs this test. */
  function shell(command: string): ChildProcess {
    const PATH = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`
    const child = spawn('sh', ['-c', command], { cwd: app, env: { ...process.env, PATH }, detached: true })
    running.add(child)
    child.once('close', () => running.delete(child))
    return child
  }

  async function run(command: string): Promise<string> {
    const child = shell(command)
    const chunks: Buffer[] = []
    child.stdout?.on('data', chunk => chunks.push(chunk))
    child.stderr?.on('data', chunk => chunks.push(chunk))
    const [code] = await once(child, 'close')
    const output = Buffer.concat(chunks).toString()
    assert.equal(code, 0, output)
    return output
  }

  it('starts a network, tests an app against it, and looks inside', async () => {
    // as it stands, but on a port that nobody else has
    const up = shell(`${named('start')[0]?.trim()} --port 0`)
    const ended = once(up, 'close').then(([code]) => assert.fail(`floe up ended with ${code}`))
    // it speaks when it is ready
    await Promise.race([once(up.stdout!, 'data'), ended])
    ended.catch(() => undefined)
    const outputs = []
    for (const command of named('run')) outputs.push(await run(command))
    assert.match(outputs[0]!, /pass 3\b/)
    // stored by way of the upload relay
    assert.match(outputs[1]!, /^[A-Za-z0-9_-]{43}$/m)
    assert.match(outputs[2]!, /"nodeStatus":"Active"/)
  })

  it('does the same in continuous integration', async () => {
    assert.match(await run(named('ci')[0]!), /pass 3\b/)
  })
})
