/** Move unit tests on this VM: compile a package with its tests, then run them. */
export { type CompiledTests, compileTests } from './compile.ts'
export { runMoveTests } from './runner.ts'
