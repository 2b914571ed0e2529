// Opens a model and a metrics file with Netron's own code and prints what its sidebar would list.
// node netron.mjs FOLDER MODEL METRICS, FOLDER with the files of the Python package netron.
import * as fs from 'fs';

const [folder, modelFile, metricsFile] = process.argv.slice(2);
const view = await import(`${folder}/view.js`);
const base = await import(`${folder}/base.js`);
const load = (id) => import(`${folder}/${id}.js`);

const raise = (error) => {
    throw error;
};

class File {
    constructor(path) {
        this.identifier = path.split('/').pop();
        this.stream = new base.BinaryStream(fs.readFileSync(path));
        this.require = load;
        this.error = raise;
    }

    asset(name) {
        return fs.promises.readFile(`${folder}/${name}`, 'utf-8');
    }
}

const factories = new view.ModelFactoryService({ environment: () => null, require: load, exception: raise });
const model = await factories.open(new File(modelFile));
const window = Object.assign(Object.create(view.View.prototype), { _model: model });
const taken = await window.attach(new File(metricsFile));
const listed = (entries) => Object.fromEntries(entries.map((entry) => [entry.name, entry.value]));
const { metadata, metrics } = model.attachment;
const nodes = model.modules.flatMap((graph) => graph.nodes);
const shown = (node) => ({ metadata: listed(metadata.node(node)), metrics: listed(metrics.node(node)) });
const all = Object.fromEntries(nodes.map((node) => [node.name, shown(node)]));
console.log(JSON.stringify({ taken, model: listed(metrics.model({})), nodes: all }));
