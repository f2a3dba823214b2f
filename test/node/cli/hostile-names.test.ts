import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createProgram } from '../../../node/cli/program.ts'
import { floe, networkFolder } from './support.ts'

/** A name that would add lines of its own, write over others and turn the direction of writing. */
const NAME = 'a\nFORGED: stored\n\u001b[2K\u202etxt'

describe('names that want to be more than names', function () {
  this.timeout(60_000) // each command is a process
  let cwd: string
  let remove: () => Promise<void>
  before(async () => {
    ;({ path: cwd, remove } = await networkFolder())
    await mkdir(join(cwd, NAME))
    await writeFile(join(cwd, NAME, NAME), 'Hello')
    await floe(cwd, ['encode', join(NAME, NAME), '--shards', '10', '--out', join(NAME, 'slivers')])
    await writeFile(join(cwd, NAME, 'slivers', '3.primary.bin'), 'no sliver')
    await writeFile(join(cwd, 'named'), NAME)
  })
  after(() => remove())

  const file = join(NAME, NAME)
  const id = 'A'.repeat(43)
  const object = `0x${'1'.repeat(64)}`
  /** A command line for each command, with the name wherever one can be: in what works and in what fails. */
  const lines: Record<string, string[][]> = {
    up: [[NAME], ['--port', NAME]],
    localnet: [
      ['--dir', file],
      ['--log', NAME],
    ],
    info: [[NAME], ['--network', file]],
    store: [
      [file],
      [file, NAME, join(NAME, 'none')],
      ['--epochs', NAME, file],
      [file, '--upload-relay', NAME],
    ],
    read: [[NAME], [id, '-o', join(NAME, 'none', NAME)], [id, '-o', NAME]],
    status: [[NAME]],
    encode: [
      [file, '--shards', '10', '--out', NAME],
      [file, '--shards', '10', '--out', join(NAME, 'out')],
      [NAME],
    ],
    decode: [
      [join(NAME, 'slivers'), '-o', join(NAME, 'out.bin')],
      [NAME, '-o', NAME],
    ],
    'blob-id': [[file], [NAME, '--shards', NAME]],
    'list-blobs': [['--owner', NAME]],
    extend: [[NAME, '--epochs', '1']],
    delete: [[NAME], [NAME, id]],
    burn: [[NAME]],
    share: [[NAME], [object, '--amount', NAME]],
    fund: [
      [NAME, '1'],
      [object, NAME],
    ],
    attributes: [
      ['get', NAME],
      ['set', NAME, `${NAME}=x`],
      ['remove', object, NAME],
    ],
    stake: [
      [NAME, '1'],
      [NAME, NAME],
      ['--node-ids', NAME, '--amounts', NAME],
    ],
    unstake: [[NAME]],
    withdraw: [[NAME]],
    'list-staked': [['--owner', NAME]],
    vote: [
      ['price', '--storage', NAME],
      ['capacity', NAME],
      ['parameter', NAME, '1'],
      ['parameter', 'draws', NAME],
      [NAME],
    ],
    wallet: [['new', join(NAME, 'key')], ['new', file], ['address', '--wallet', file], [NAME]],
    faucet: [[NAME], ['--address', NAME]],
    node: [
      ['init', '--dir', file],
      ['init', '--dir', join(NAME, 'node'), '--network', NAME],
      ['init', '--dir', join(NAME, 'node'), '--network', file, '--name', NAME],
      ['register', '--dir', NAME, '--stake', NAME],
      ['register', '--dir', NAME],
      ['run', '--dir', NAME],
      [NAME],
    ],
    relay: [['--port', NAME], ['--dir', file, '--network', NAME], ['status', '--url', NAME], [NAME]],
    gateway: [['run', '--network', file], ['run', '--host-name', NAME], ['run', '--publish', NAME], [NAME]],
    'upload-relay': [
      ['--network', file],
      ['--tip', NAME],
    ],
    'convert-blob-id': [[NAME], [NAME, NAME]],
    'list-patches': [[NAME]],
    'read-quilt': [[NAME], [id, '--out', NAME], [id, '--identifiers', NAME], ['--quilt-patch-ids', NAME]],
    'store-quilt': [
      ['--paths', NAME],
      ['--paths', join(NAME, 'none')],
      ['--blobs', NAME],
    ],
    storage: [
      ['list', '--owner', NAME],
      ['split', NAME, '--size', NAME],
      ['merge', NAME, NAME],
      ['burn', NAME],
      [NAME],
    ],
    watch: [
      ['renew', NAME, '--budget', '1'],
      ['renew', object, '--budget', NAME],
      ['renew', object, '--budget', '1', '--dir', file],
      [NAME],
    ],
    'fund-shared-blob': [
      ['--shared-blob-obj-id', NAME, '--amount', '1'],
      ['--shared-blob-obj-id', object, '--amount', NAME],
    ],
    'get-blob-attribute': [[NAME]],
    'set-blob-attribute': [
      [NAME, '--attr', NAME, 'x'],
      [object, '--attr', `=${NAME}`, 'x'],
    ],
    'remove-blob-attribute-fields': [[NAME, '--keys', NAME]],
    'remove-blob-attribute': [[NAME]],
    'get-wal': [['--wallet', NAME], ['--rpc-url', NAME], [NAME]],
    'generate-sui-wallet': [['--path', file], ['--path', join(NAME, 'key')], [NAME]],
    completion: [[NAME]],
    json: [[NAME], [JSON.stringify({ command: { [NAME]: {} } })]],
    health: [[NAME], ['--dir', NAME], ['--network', file, '--all']],
  }

  it('are tried on every command', () => {
    const commands = createProgram(() => {}).commands.map(command => command.name())
    assert.deepEqual(commands.sort(), Object.keys(lines).sort())
  })

  for (const [command, all] of Object.entries(lines)) {
    it(`forge no line of ${command}`, async () => {
      for (const args of [...all, [...all[0]!, '--json']]) {
        const { stdout, stderr } = await floe(cwd, [command, ...args])
        const told = stdout.toString() + stderr
        assert.notEqual(told, '', JSON.stringify([command, ...args]))
        assert.doesNotMatch(told, /^FORGED/m, JSON.stringify([command, ...args]))
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        assert.doesNotMatch(told, /[\0-\x09\x0b-\x1f\x7f-\x9f\u202e]/)
      }
    })
  }
})
