#!/usr/bin/env node
import { EXIT, type Io } from './command.js';
import { readConfig, readVariable, snapshotEnvironment } from './config.js';
import { openOutput, untilDone } from './process-io.js';
import { runProgram } from './program.js';
import { askAt } from './terminal.js';

snapshotEnvironment();
const stdout = openOutput(process.stdout);
const stderr = openOutput(process.stderr);
const { colour, ...settings } = readConfig();
const io: Io = {
  stdin: () => process.stdin,
  stdout,
  stderr,
  colour,
  settings,
  variable: readVariable,
  ask: askAt(process.stdin, process.stderr),
  whole: untilDone,
};
try {
  process.exitCode = await runProgram(process.argv.slice(2), io);
} catch (error) {
  const text = error instanceof Error ? error.stack : String(error);
  stderr.write(`bulkhead: this is a fault of bulkhead, please report it\n${text}\n`);
  process.exitCode = EXIT.fault;
}
const failure = await stdout.flushed();
if (failure !== undefined) {
  stderr.write(`bulkhead: standard output: ${failure}\n`);
  process.exitCode = EXIT.file;
}
