import { fileURLToPath } from 'node:url'
import { type MoveFiles, readMoveFiles, underFolder } from './sources.ts'

const folder = (name: string) => fileURLToPath(new URL(`../localnet/framework/${name}`, import.meta.url))

const manifest = (name: string, lines: string[]) =>
  ['[package]', `name = "${name}"`, 'edition = "2024"', ...lines, ''].join('\n')

/** std (0x1), sui (0x2) and sui_system (0x3) as one root package: how the localnet's genesis compiles them. */
export function frameworkPackage(): MoveFiles {
  return {
    'Move.toml': manifest('framework', [
      'implicit-dependencies = false',
      '[addresses]',
      'std = "0x1"',
      'sui = "0x2"',
      'sui_system = "0x3"',
    ]),
    ...underFolder('sources/std', readMoveFiles(folder('std'))),
    ...underFolder('sources/sui', readMoveFiles(folder('sui'))),
    ...underFolder('sources/system', readMoveFiles(folder('system'))),
  }
}

/** What the compiler asks for when a package depends implicitly on Sui: the packages by their names upstream. */
export function systemPackages(): Record<string, MoveFiles> {
  return {
    'move-stdlib': {
      'Move.toml': manifest('MoveStdlib', ['published-at = "0x1"', '[addresses]', 'std = "0x1"']),
      ...underFolder('sources', readMoveFiles(folder('std'))),
    },
    'sui-framework': {
      'Move.toml': manifest('Sui', [
        'published-at = "0x2"',
        '[dependencies]',
        'MoveStdlib = { local = "../move-stdlib" }',
        '[addresses]',
        'sui = "0x2"',
      ]),
      ...underFolder('sources', readMoveFiles(folder('sui'))),
    },
    'sui-system': {
      'Move.toml': manifest('SuiSystem', [
        'published-at = "0x3"',
        '[dependencies]',
        'MoveStdlib = { local = "../move-stdlib" }',
        'Sui = { local = "../sui-framework" }',
        '[addresses]',
        'sui_system = "0x3"',
      ]),
      ...underFolder('sources', readMoveFiles(folder('system'))),
    },
  }
}
