/**
 * Tells what the JavaScript modules of web/ are like, as JSON on standard output; tests/contract/test_web.py judges.
 * Names are resolved by the compiler, so that a local variable called `fetch` is no global.
 *
 *     node survey.mjs FILE...
 */

import ts from 'typescript';

const files = process.argv.slice(2);
const program = ts.createProgram(files, {
  allowJs: true,
  checkJs: true,
  noEmit: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.dom.asynciterable.d.ts'],
  types: [],
});
const checker = program.getTypeChecker();

/** The line, from 1, on which something begins. */
function lineOf(source, position) {
  return source.getLineAndCharacterOfPosition(position).line + 1;
}

function nameOf(node) {
  const named = node.name ?? node.parent.name;
  return named ? named.getText() : ts.isConstructorDeclaration(node) ? 'constructor' : '(anonymous)';
}

/** Lines between the braces; an arrow function without braces has those of its expression. */
function bodyLines(source, body) {
  const first = ts.isBlock(body) ? body.statements[0] : body;
  if (first === undefined) return 0;
  const last = ts.isBlock(body) ? body.statements.at(-1) : body;
  return lineOf(source, last.getEnd()) - lineOf(source, first.getStart()) + 1;
}

/** Whether a name is one of the language's or the browser's own, and stands where it is read. */
function isGlobal(node) {
  if (ts.isPropertyAccessExpression(node.parent) && node.parent.name === node) return false;
  if (ts.isPropertyAssignment(node.parent) && node.parent.name === node) return false;
  const symbol = ts.isShorthandPropertyAssignment(node.parent)
    ? checker.getShorthandAssignmentValueSymbol(node.parent)
    : checker.getSymbolAtLocation(node);
  if (node.text === 'globalThis') return true;
  const places = symbol?.declarations ?? [];
  return places.length > 0 && places.every((place) => program.isSourceFileDefaultLibrary(place.getSourceFile()));
}

/** `Date.now` rather than `Date`, where a member is read, and `Date()` where it is called without arguments. */
function spelled(node) {
  const { parent } = node;
  const isCalled = (ts.isNewExpression(parent) || ts.isCallExpression(parent)) && parent.expression === node;
  if (isCalled && !parent.arguments?.length) return `${node.text}()`;
  return ts.isPropertyAccessExpression(parent) && parent.expression === node ? `${node.text}.${parent.name.text}` : node.text;
}

function survey(source) {
  const found = { file: source.fileName, head: source.text.slice(0, 400), functions: [], globals: [] };
  found.lines = lineOf(source, source.text.trimEnd().length);
  const visit = (node) => {
    if (ts.isFunctionLike(node) && node.body) {
      const size = bodyLines(source, node.body);
      const line = lineOf(source, node.getStart());
      found.functions.push({ name: nameOf(node), line, size, parameters: node.parameters.length });
    }
    if (ts.isIdentifier(node) && isGlobal(node)) {
      found.globals.push({ name: spelled(node), line: lineOf(source, node.getStart()) });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const wanted = new Set(files);
console.log(JSON.stringify(program.getSourceFiles().filter(({ fileName }) => wanted.has(fileName)).map(survey)));
